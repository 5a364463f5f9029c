// What a reader would see to be wrong with a page as it is laid out now, one line each.
() => {
  const SLACK = 1.5; // px: glyphs and boxes are rounded
  const wrong = [];
  const tell = (kind, text, more = "") => wrong.push(`${kind}: ${JSON.stringify(text.trim().slice(0, 60))} ${more}`.trim());
  const shown = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && !element.closest(".unseen, .skip, #tip");
  const frames = ".wide, .tabs"; // these scroll, and say so

  if (document.documentElement.scrollWidth > innerWidth) tell("the page is wider than the window", String(document.documentElement.scrollWidth));
  for (const inner of document.querySelectorAll(frames)) {
    if (!shown(inner)) continue;
    const more = inner.scrollLeft + inner.clientWidth < inner.scrollWidth - 1;
    if (more !== inner.parentElement.hasAttribute("data-right")) tell(more ? "scrolls without a cue" : "a cue without need", inner.textContent);
  }

  // ---- every text: where it is, what cuts it off, and whether it can be read
  const luminance = (colour) => {
    const parts = colour.match(/-?[\d.]+(e-?\d+)?/g).map(Number);
    const rgb = colour.startsWith("color(") ? parts.slice(0, 3) : parts.slice(0, 3).map((part) => part / 255);
    const [r, g, b] = rgb.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = getComputedStyle(one).backgroundColor;
      if (!/^rgba\(.*, 0\)$|transparent/.test(colour)) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const element = node.parentElement;
    if (!node.data.trim() || ["SCRIPT", "STYLE", "OPTION"].includes(element.tagName) || !shown(element)) continue;
    const style = getComputedStyle(element);
    const svg = element.ownerSVGElement;
    const range = document.createRange();
    range.selectNodeContents(node);
    let boxes = [...range.getClientRects()];
    if (svg) {
      boxes = [element.getBoundingClientRect()];
      const frame = svg.getBoundingClientRect();
      const [box] = boxes;
      if (box.left < frame.left - SLACK || box.right > frame.right + SLACK || box.top < frame.top - SLACK || box.bottom > frame.bottom + SLACK) tell("sticks out of its chart", node.data);
    } else if (element.clientWidth && element.scrollWidth > element.clientWidth + 1 && !element.matches(frames)) {
      tell("clipped", node.data, `${element.scrollWidth} > ${element.clientWidth}`);
    }
    const scroller = element.closest(frames);
    for (let one = element; one && one !== document.body; one = one.parentElement) {
      const { overflowX, overflowY } = getComputedStyle(one);
      if (overflowX === "visible" && overflowY === "visible") continue;
      const edge = one.getBoundingClientRect();
      if (!one.matches(frames) && boxes.some((box) => box.right > edge.right + SLACK || box.left < edge.left - SLACK) && !scroller) tell("cut off", node.data);
      boxes = boxes.map((box) => new DOMRect(
        Math.max(box.left, edge.left), Math.max(box.top, edge.top),
        Math.min(box.right, edge.right) - Math.max(box.left, edge.left), Math.min(box.bottom, edge.bottom) - Math.max(box.top, edge.top),
      )).filter((box) => box.width > SLACK && box.height > SLACK);
    }
    const outside = boxes.find((box) => box.left < -SLACK || box.right > innerWidth + SLACK);
    if (outside && !scroller) tell("outside the window", node.data);
    const ink = luminance(svg ? style.fill : style.color);
    const ground = luminance(paper(element));
    const contrast = (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
    if (!(svg && style.stroke !== "none") && contrast < 4.5) tell("hard to read", node.data, `contrast ${contrast.toFixed(2)}`);
    if (element.closest("tfoot")) continue; // it stays in sight over the rows
    for (const box of boxes) {
      const trim = svg ? 0.22 : 0.12; // of a line's height, that no glyph fills
      const upright = box.width >= box.height;
      const [dx, dy] = upright ? [0.5, trim * box.height] : [trim * box.width, 0.5];
      texts.push({ left: box.left + dx, right: box.right - dx, top: box.top + dy, bottom: box.bottom - dy, text: node.data, svg });
    }
  }
  texts.sort((a, b) => a.top - b.top);
  texts.forEach((a, place) => {
    for (let next = place + 1; next < texts.length && texts[next].top < a.bottom - SLACK; next += 1) {
      const b = texts[next];
      const halo = a.svg && a.svg === b.svg && a.text === b.text; // a text over its own outline
      if (!halo && Math.min(a.right, b.right) - Math.max(a.left, b.left) > SLACK && Math.min(a.bottom, b.bottom) - b.top > SLACK) {
        tell("overlap", a.text, `and ${JSON.stringify(b.text.trim().slice(0, 60))}`);
      }
    }
  });

  // ---- neighbours in the flow of the page
  for (const element of document.querySelectorAll("main, main *, header, header *")) {
    if (element.closest("svg, table") || !shown(element)) continue;
    const children = [...element.children].filter((child) => shown(child) && ["static", "relative"].includes(getComputedStyle(child).position) && !getComputedStyle(child).display.startsWith("inline"));
    for (let place = 1; place < children.length; place += 1) {
      const [a, b] = [children[place - 1].getBoundingClientRect(), children[place].getBoundingClientRect()];
      if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > SLACK && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > SLACK) {
        tell("boxes overlap", children[place - 1].textContent, `and ${JSON.stringify(children[place].textContent.trim().slice(0, 60))}`);
      }
    }
  }
  return [...new Set(wrong)];
}
