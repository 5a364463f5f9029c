"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // ---- which network is shown
  const tabs = all("[role=tab]");
  const panelOf = (tab) => document.getElementById(tab.getAttribute("aria-controls"));
  function select(tab) {
    for (const other of tabs) {
      const chosen = other === tab;
      other.setAttribute("aria-selected", String(chosen));
      other.tabIndex = chosen ? 0 : -1;
      panelOf(other).hidden = !chosen;
    }
  }
  function followHash() {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    const tab = target && tabs.find((one) => panelOf(one).contains(target));
    if (tab) {
      select(tab);
      target.scrollIntoView();
    }
  }
  for (const tab of tabs) {
    tab.addEventListener("click", () => select(tab));
    tab.addEventListener("keydown", (event) => {
      const place = tabs.indexOf(tab);
      const next = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: tabs.length - 1 }[event.key];
      if (next === undefined) return;
      event.preventDefault();
      const to = tabs[(next + tabs.length) % tabs.length];
      select(to);
      to.focus();
    });
  }
  if (tabs.length) select(tabs[0]);
  addEventListener("hashchange", followHash);
  followHash();

  // ---- blocks that open, and what the shades tell
  for (const diagram of all(".diagram")) {
    const chips = all("button.chip", diagram);
    const whole = diagram.querySelector(".open-all");
    const open = (chip, wanted) => {
      chip.setAttribute("aria-expanded", String(wanted));
      document.getElementById(chip.getAttribute("aria-controls")).hidden = !wanted;
    };
    const note = () => {
      if (!whole) return;
      const every = chips.every((chip) => chip.getAttribute("aria-expanded") === "true");
      whole.setAttribute("aria-expanded", String(every));
      whole.textContent = every ? "Close all blocks" : "Open all blocks";
    };
    for (const chip of chips) {
      open(chip, false);
      chip.addEventListener("click", () => {
        open(chip, chip.getAttribute("aria-expanded") !== "true");
        note();
      });
    }
    whole?.addEventListener("click", () => {
      const wanted = whole.getAttribute("aria-expanded") !== "true";
      for (const chip of chips) open(chip, wanted);
      note();
    });
    const shades = all("[data-shade]", diagram.querySelector(".switch"));
    for (const shade of shades) {
      shade.addEventListener("click", () => {
        diagram.querySelector(".stages").dataset.shade = shade.dataset.shade;
        for (const other of shades) other.setAttribute("aria-pressed", String(other === shade));
      });
    }
  }

  // ---- the full tables
  const plain = (text) => text.replaceAll(",", "");
  const keyOf = {
    number: (text) => (text === "" || isNaN(plain(text)) ? null : Number(plain(text))),
    shape: (text) => (text.includes("×") || (text !== "" && !isNaN(text)) ? text.split("×").reduce((product, size) => product * size, 1) : null),
    text: (text) => text,
  };
  const searchable = (text) => text.toLowerCase().replaceAll("×", "x");
  const order = new Intl.Collator(undefined, { numeric: true }).compare;
  for (const table of all(".layers-table")) {
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    const rows = [...body.rows].map((row) => ({ row, cells: [...row.cells].map((cell) => cell.textContent) }));
    for (const one of rows) one.text = searchable(one.cells.join(" "));
    const section = table.closest("section");

    heads.forEach((head, column) => {
      head.firstElementChild.addEventListener("click", () => {
        const before = head.getAttribute("aria-sort");
        const numeric = head.dataset.sort !== "text" && head.dataset.key !== "place";
        const down = before === "none" ? numeric : before === "ascending";
        for (const other of heads) other.setAttribute("aria-sort", "none");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const key = keyOf[head.dataset.sort];
        const sorted = rows.map((one, place) => ({ one, place, key: key(one.cells[column]) }));
        sorted.sort((a, b) => {
          if (a.key === null || b.key === null) return (a.key === null) - (b.key === null) || a.place - b.place; // unknown goes last
          const way = typeof a.key === "string" ? order(a.key, b.key) : a.key - b.key;
          return (down ? -way : way) || a.place - b.place;
        });
        body.append(...sorted.map(({ one }) => one.row));
      });
    });

    const status = section.querySelector(".status");
    const foot = [...table.tFoot.rows[0].cells];
    function search(text) {
      const words = searchable(text).split(/\s+/).filter(Boolean);
      let shown = 0;
      const sums = heads.map(() => 0);
      const unsure = heads.map(() => false);
      for (const { row, cells, text: content } of rows) {
        row.hidden = !words.every((word) => content.includes(word));
        if (row.hidden) continue;
        shown += 1;
        heads.forEach((head, column) => {
          if (!("sum" in head.dataset)) return;
          const value = keyOf.number(cells[column]);
          if (value === null) unsure[column] = true;
          else sums[column] += value;
        });
      }
      heads.forEach((head, column) => {
        if ("sum" in head.dataset) foot[column].textContent = (unsure[column] ? "≥ " : "") + sums[column].toLocaleString("en-US");
      });
      status.textContent = words.length ? `${shown} of ${rows.length} rows` : `${rows.length} rows`;
    }
    section.querySelector("input[type=search]").addEventListener("input", (event) => search(event.target.value));

    function csv() {
      const quoted = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
      const lines = [heads.map((head) => head.dataset.key)];
      for (const row of body.rows) {
        if (row.hidden) continue;
        lines.push([...row.cells].map((cell, column) => {
          const { sort } = heads[column].dataset;
          return quoted(sort === "number" ? plain(cell.textContent) : sort === "shape" ? cell.textContent.replaceAll("×", "x") : cell.textContent);
        }));
      }
      return lines.map((line) => line.join(",") + "\n").join("");
    }
    section.querySelector("[data-csv=copy]").addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(csv());
      } catch {
        const area = document.createElement("textarea"); // where a page from a disk may not use the clipboard
        area.value = csv();
        document.body.append(area);
        area.select();
        document.execCommand("copy");
        area.remove();
      }
      status.textContent = "Copied the rows shown";
    });
    section.querySelector("[data-csv=download]").addEventListener("click", () => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
      link.download = `${table.dataset.name.replace(/[^\w.-]+/g, "_")}.csv`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    });
  }
})();
