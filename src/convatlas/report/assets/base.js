"use strict";
document.body.classList.remove("no-script");
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // ---- what scrolls shows on which sides there is more
  for (const frame of all(".scroll")) {
    const inner = frame.firstElementChild;
    const note = () => {
      frame.toggleAttribute("data-left", inner.scrollLeft > 1);
      frame.toggleAttribute("data-right", inner.scrollLeft + inner.clientWidth < inner.scrollWidth - 1);
    };
    inner.addEventListener("scroll", note, { passive: true });
    const sizes = new ResizeObserver(note);
    for (const watched of [inner, ...inner.children]) sizes.observe(watched);
  }

  // ---- what a mark of a chart or a box of a drawing tells: by pointer, by touch, and by the arrow keys
  const tip = document.getElementById("tip");
  const spoken = document.getElementById("spoken");
  const REACH = 12; // px around a mark that count as on it, for many are small
  let over = null;
  function show(mark, x, y) {
    if (over !== mark) over?.classList.remove("over");
    over = mark;
    mark.classList.add("over");
    tip.textContent = mark.getAttribute("aria-label");
    tip.hidden = false;
    const { width, height } = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(4, Math.min(x + 12, innerWidth - width - 8))}px`;
    tip.style.top = `${y - height - 12 > 0 ? y - height - 12 : y + 18}px`;
  }
  function hide() {
    over?.classList.remove("over");
    over = null;
    tip.hidden = true;
  }
  function nearest(chart, x, y) {
    const frame = chart.getBoundingClientRect();
    let found = null;
    let least = REACH;
    for (const mark of all("[aria-label]", chart)) {
      const box = mark.getBoundingClientRect();
      if (box.width > frame.width / 2) continue; // an area: only what lies under the pointer
      const away = Math.hypot(Math.max(box.left - x, 0, x - box.right), Math.max(box.top - y, 0, y - box.bottom));
      if (away < least) [found, least] = [mark, away];
    }
    return found;
  }
  function point(event) {
    const target = event.target instanceof Element ? event.target : null;
    const chart = target?.closest("svg.chart");
    const mark = target?.closest("svg [aria-label]") ?? (chart && nearest(chart, event.clientX, event.clientY));
    if (mark) show(mark, event.clientX, event.clientY);
    else if (over) hide();
  }
  addEventListener("pointermove", point);
  addEventListener("pointerdown", point);
  addEventListener("scroll", hide, { capture: true, passive: true });
  for (const picture of all("svg[tabindex]")) {
    let place = -1;
    const marks = () => all("[aria-label]", picture);
    picture.addEventListener("keydown", (event) => {
      const found = marks();
      const next = { ArrowRight: place + 1, ArrowDown: place + 1, ArrowLeft: place - 1, ArrowUp: place - 1, Home: 0, End: found.length - 1 }[event.key];
      if (event.key === "Escape") hide();
      if (next === undefined || !found.length) return;
      event.preventDefault();
      found[place]?.classList.remove("on");
      place = Math.max(0, Math.min(next, found.length - 1));
      found[place].classList.add("on");
      const box = found[place].getBoundingClientRect();
      show(found[place], box.left + box.width / 2, box.top);
      spoken.textContent = found[place].getAttribute("aria-label");
    });
    picture.addEventListener("blur", () => {
      marks()[place]?.classList.remove("on");
      place = -1;
      hide();
    });
  }
})();
