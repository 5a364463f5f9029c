(() => {
  const { figures, networks, start } = JSON.parse(document.getElementById("data").textContent);
  const by = Object.fromEntries(figures.map((figure) => [figure.key, figure]));
  const get = (id) => document.getElementById(id);
  const plot = get("plot");
  const ROWS = 200; // a longer table helps nobody
  const PLACE = { left: 62, right: 18, top: 26, bottom: 44, height: 460 };
  const LEAST_WIDTH = 320;
  let chosen = null;
  let order = { key: figures[0].key, down: true };
  for (const id of ["x", "y", "area"]) get(id).value = start[id];

  function element(name, attributes, text = "") {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.textContent = text;
    return made;
  }

  function html(name, text, attributes = {}) {
    const made = document.createElement(name);
    made.textContent = text;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  }

  // ---- which networks are shown
  function shown() {
    const words = get("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    return networks.filter(
      (each) =>
        (get("misses").checked || !each.misses) &&
        (!get("front").checked || each.front) &&
        words.every((word) => `${each.name} ${each.pretrained} ${each.input}`.toLowerCase().includes(word)),
    );
  }

  // ---- an axis: costs are logarithmic
  function axis(key, values, from, to) {
    const log = !by[key].more;
    const scale = (value) => (log ? Math.log10(value) : value);
    let low = Math.min(...values.map(scale));
    let high = Math.max(...values.map(scale));
    const margin = Math.max((high - low) * 0.06, log ? 0.1 : 1);
    [low, high] = [low - margin, high + margin];
    const at = (value) => from + ((scale(value) - low) / (high - low)) * (to - from);
    let marks = [];
    const most = Math.abs(to - from) / 45;
    if (log) {
      for (const factors of [[1], [1, 3], [1, 2, 5], [1, 1.5, 2, 3, 5, 7]]) {
        marks = [];
        for (let power = Math.floor(low); power <= high; power++)
          for (const factor of factors) {
            const mark = factor * 10 ** power;
            if (scale(mark) >= low && scale(mark) <= high) marks.push(mark);
          }
        if (marks.length > 3) break;
      }
      marks = marks.filter((_, place) => place % Math.ceil(marks.length / most) === 0);
    } else {
      const rough = (high - low) / 6;
      const power = 10 ** Math.floor(Math.log10(rough));
      const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough);
      for (let mark = Math.ceil(low / step) * step; mark <= high; mark += step) marks.push(Math.round(mark * 1e6) / 1e6);
    }
    return { at, marks };
  }

  function short(value, unit) {
    for (const [divisor, letter] of unit === "B" ? [[2 ** 30, " GiB"], [2 ** 20, " MiB"]] : unit ? [] : [[1e9, " G"], [1e6, " M"], [1e3, " k"]])
      if (value >= divisor) return `${Number((value / divisor).toPrecision(3))}${letter}`;
    return `${Number(value.toPrecision(3))}`;
  }

  function titled(key) {
    const { title, unit, more } = by[key];
    return `${title}${unit && unit !== "B" ? ` (${unit})` : ""}${more ? "" : ", logarithmic"}`;
  }

  // ---- the dots
  function draw(list) {
    const [x, y, area] = ["x", "y", "area"].map((id) => get(id).value);
    const known = list.filter((each) => [x, y, area].every((key) => each.values[key] != null));
    plot.replaceChildren();
    if (!known.length) return;
    const { left, right, top, bottom, height } = PLACE;
    const width = Math.max(plot.clientWidth, LEAST_WIDTH); // letters keep their size on a phone
    plot.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const across = axis(x, known.map((each) => each.values[x]), left, width - right);
    const upwards = axis(y, known.map((each) => each.values[y]), height - bottom, top);
    const most = Math.max(...known.map((each) => each.values[area]));
    for (const mark of across.marks) plot.append(element("text", { x: across.at(mark), y: height - bottom + 18, "text-anchor": "middle" }, short(mark, by[x].unit)));
    for (const mark of upwards.marks) {
      plot.append(element("line", { x1: left, x2: width - right, y1: upwards.at(mark), y2: upwards.at(mark) }));
      plot.append(element("text", { x: left - 8, y: upwards.at(mark) + 4, "text-anchor": "end" }, short(mark, by[y].unit)));
    }
    plot.append(element("text", { x: width - right, y: height - 6, "text-anchor": "end" }, titled(x)));
    plot.append(element("text", { x: 4, y: 14 }, titled(y)));
    const dots = [...known].sort((a, b) => b.misses.length - a.misses.length || a.front - b.front || b.values[area] - a.values[area]);
    for (const each of dots) {
      const dot = element("circle", {
        cx: across.at(each.values[x]),
        cy: upwards.at(each.values[y]),
        r: 2.5 + 15 * Math.sqrt(each.values[area] / most),
        fill: `var(--${each.misses ? "other" : each.front ? "linear" : "conv"})`,
        "fill-opacity": each.misses ? 0.4 : 0.8,
        "aria-label": `${each.name}: ${[x, y, area].map((key) => `${by[key].title} ${each.shown[key]}`).join(", ")}${each.misses ? `; misses ${each.misses}` : ""}`,
        role: "img",
      });
      dot.classList.toggle("chosen", each === chosen);
      dot.addEventListener("click", () => choose(each));
      plot.append(dot);
    }
    if (chosen && known.includes(chosen))
      plot.append(element("text", { class: "name", x: Math.min(across.at(chosen.values[x]) + 14, width - 220), y: upwards.at(chosen.values[y]) - 12 }, chosen.name));
  }

  // ---- the rows
  function list(networksShown) {
    const head = document.createElement("tr");
    head.append(html("th", "network", { scope: "col" }), html("th", "input", { scope: "col" }), html("th", "seen", { scope: "col" }));
    for (const figure of figures) {
      const sorted = order.key === figure.key ? (order.down ? "descending" : "ascending") : "none";
      const cell = html("th", "", { scope: "col", class: "n", "aria-sort": sorted });
      const button = html("button", figure.title, { type: "button" });
      button.addEventListener("click", () => {
        order = { key: figure.key, down: order.key === figure.key ? !order.down : figure.more };
        update();
      });
      cell.append(button);
      head.append(cell);
    }
    get("rows").tHead.replaceChildren(head);
    const side = order.down ? -1 : 1;
    const value = (each) => each.values[order.key] ?? -side * Infinity;
    const sorted = [...networksShown].sort((a, b) => side * (value(a) - value(b)) || 0);
    const body = sorted.slice(0, ROWS).map((each) => {
      const row = document.createElement("tr");
      row.classList.toggle("chosen", each === chosen);
      row.append(html("th", each.name, { scope: "row" }), html("td", each.input), html("td", each.pretrained));
      for (const figure of figures) row.append(html("td", (each.shown[figure.key] ?? "?").replace(/ \(.*/, ""), { class: "n" }));
      row.addEventListener("click", () => choose(each));
      return row;
    });
    get("rows").tBodies[0].replaceChildren(...body);
  }

  // ---- one network's card
  function choose(each) {
    chosen = each;
    const facts = document.createElement("dl");
    const rows = [["input", each.input], ["seen", each.pretrained], ...figures.map((figure) => [figure.title, each.shown[figure.key]])];
    for (const [title, text] of rows) if (text) facts.append(html("dt", title), html("dd", text));
    const card = [html("h4", each.name), facts];
    if (each.misses) card.push(html("p", `Misses ${each.misses}.`));
    if (each.source) card.push(html("p", `Accuracy: ${each.source}.`, { class: "hint" }));
    card.push(html("code", `convatlas cost ${each.name} --input ${each.input}`));
    get("card").replaceChildren(...card);
    update();
  }

  function update() {
    const found = shown();
    get("count").textContent = `${found.length} networks${found.length > ROWS ? `, ${ROWS} in the table` : ""}`;
    draw(found);
    list(found);
  }

  for (const id of ["search", "x", "y", "area", "misses", "front"]) get(id).addEventListener("input", update);
  addEventListener("resize", update);
  update();
})();
