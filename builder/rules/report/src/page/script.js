//<![CDATA[
// Comfort only: the page says the same without it. Names are set as text, never as markup.
(() => {
  "use strict";
  const block = document.getElementById("data");
  const place = document.getElementById("explorer");
  const [NAME, COMPRESSED, CONTENT] = [1, 2, 3];
  const SMALLEST = 144, LEVELS = 6, COLOURS = 8, MAX_ROWS = 200;

  /* Building elements. */

  function element(tag, properties, ...children) {
    const made = document.createElement(tag);
    for (const [key, value] of Object.entries(properties || {})) {
      if (key in made) made[key] = value; else made.setAttribute(key, value);
    }
    made.append(...children);
    return made;
  }

  function bytes(value) {
    if (value < 1024) return value + " B";
    for (const unit of ["KiB", "MiB", "GiB", "TiB", "PiB"]) {
      value /= 1024;
      if (value < 1023.95) return value.toFixed(1) + " " + unit;
    }
    return (value / 1024).toFixed(1) + " EiB";
  }

  function share(part, total) {
    return (total > 0 ? 100 * part / total : 0).toFixed(1) + " %";
  }

  /* The data: nodes in preorder, see page/data.rs. */

  function tree(rows) {
    const path = [];
    for (const row of rows) {
      const node = {
        name: row[NAME], compressed: row[COMPRESSED], content: row[CONTENT],
        files: row[4], rest: row[5] === 2, parent: path[row[0] - 1] || null, children: [],
      };
      path[row[0]] = node;
      if (node.parent) node.parent.children.push(node);
    }
    return path[0];
  }

  /* Squarified treemap, as in treemap.rs, but in fractions of pixels. Boxes get percentages, so
     that the map can also be printed. */

  function squarify(weights, width, height) {
    const tiles = [];
    let left = weights.reduce((sum, weight) => sum + weight, 0);
    let [x, y] = [0, 0];
    for (let from = 0; from < weights.length;) {
      const wide = width >= height;
      const [side, long] = wide ? [height, width] : [width, height];
      const scale = left > 0 && side > 0 ? long / side / left : 0;
      let [sum, best, to] = [0, Infinity, from];
      while (to < weights.length) {
        const next = sum + weights[to];
        const square = scale * next * next;
        const worst = Math.max(square / weights[to], weights[from] / square);
        if (to > from && !(worst <= best)) break;
        [sum, best, to] = [next, worst, to + 1];
      }
      const thick = left > 0 ? long * sum / left : 0;
      let at = 0;
      for (; from < to; from++) {
        const length = sum > 0 ? side * weights[from] / sum : 0;
        tiles.push(wide ? [x, y + at, thick, length] : [x + at, y, length, thick]);
        at += length;
      }
      if (wide) { x += thick; width -= thick; } else { y += thick; height -= thick; }
      left -= sum;
    }
    return tiles;
  }

  /* The map, zoomed to a node. */

  const state = { trees: {}, view: "packages", measure: "compressed", at: null };
  const size = node => node[state.measure];

  function visible(node, width, height) {
    const sorted = [...node.children].sort((a, b) => a.rest - b.rest || size(b) - size(a));
    const large = child => size(child) * width * height >= SMALLEST * Math.max(size(node), 1);
    const shown = sorted.filter(large);
    const small = sorted.filter(child => !large(child));
    if (small.length === 1) return shown.concat(small);
    if (small.length > 1) {
      const sum = key => small.reduce((all, child) => all + child[key], 0);
      const files = sum("files");
      shown.push({
        name: files + (files === 1 ? " small file" : " small files"), compressed: sum("compressed"),
        content: sum("content"), files, rest: true, children: [],
      });
    }
    return shown;
  }

  function draw(body, node, width, height, level, colour, colours) {
    const children = visible(node, width, height);
    const tiles = squarify(children.map(size), width, height);
    children.forEach((child, index) => {
      const [x, y, w, h] = tiles[index];
      if (!(w > 0 && h > 0)) return;
      let own = colour;
      if (own === null && !(child.children.length && size(child) > size(state.at) / 2)) {
        own = colours.next++ % COLOURS;
      }
      const box = element("div", { className: "b" + (own === null ? "" : " c" + own) });
      box.title = child.name + ": " + bytes(child.compressed) + " ("
        + share(size(child), size(state.at)) + "), " + bytes(child.content) + " unpacked";
      const percent = (part, whole) => 100 * part / whole + "%";
      Object.assign(box.style, {
        left: percent(x, width), top: percent(y, height),
        width: percent(w, width), height: percent(h, height),
      });
      fill(box, child, w, h, level, own, colours);
      body.append(box);
    });
  }

  function fill(box, node, width, height, level, colour, colours) {
    const group = node.children.length > 0;
    box.node = node;
    if (width >= 34 && height >= 16) {
      box.append(group ? element("button", { type: "button", tabIndex: -1 }, node.name)
        : element("span", {}, node.name));
    }
    if (group && width >= 70 && height >= 50 && level < LEVELS) {
      const body = element("div");
      box.classList.add("g");
      box.append(body);
      draw(body, node, width - 4, height - 20, level + 1, colour, colours);
    }
  }

  const path = element("ol", { className: "path", ariaLabel: "Shown in the map" });
  const map = element("div", { className: "map", role: "group" });
  const contents = element("div", { className: "scroll" });
  const status = element("p", { className: "note", role: "status" });

  function redraw() {
    map.replaceChildren();
    draw(map, state.at, map.clientWidth, map.clientHeight, 0, null, { next: 0 });
    const first = map.querySelector("button");
    if (first) first.tabIndex = 0;
  }

  function link(node, text) {
    return element("button", { type: "button", className: "link", onclick: () => zoom(node, true) },
      text);
  }

  function zoom(node, focus) {
    state.at = node;
    const names = [];
    for (let at = node; at; at = at.parent) names.unshift(at);
    path.replaceChildren(...names.map(at => element("li", {},
      at === node ? element("b", { tabIndex: -1 }, at.name) : link(at, at.name))));
    map.ariaLabel = "Treemap of " + node.name
      + ". Arrow keys move between groups, Enter opens one, Escape goes back.";
    status.textContent = node.name + ": " + bytes(node.compressed) + " in the image, "
      + bytes(node.content) + " unpacked, " + node.files + " files";
    list(node);
    redraw();
    if (focus) path.querySelector("b").focus();
  }

  /* The same as a table. */

  function list(node) {
    const sorted = [...node.children].sort((a, b) => a.rest - b.rest || size(b) - size(a));
    const heading = text => element("th", { scope: "col", className: "n" }, text);
    const number = text => element("td", { className: "n" }, text);
    const rows = sorted.slice(0, MAX_ROWS).map(child => element("tr", {},
      element("th", { scope: "row" }, child.children.length ? link(child, child.name) : child.name),
      number(bytes(child.compressed)), number(share(size(child), size(node))),
      number(bytes(child.content)), number(String(child.files))));
    const head = element("tr", {}, element("th", { scope: "col" }, "Name"), heading("In the image"),
      heading("Share"), heading("Unpacked"), heading("Files"));
    const more = sorted.length - rows.length;
    contents.replaceChildren(element("table", {},
      element("caption", {}, "In " + node.name + (more > 0 ? ", without " + more + " more" : "")),
      element("thead", {}, head), element("tbody", {}, ...rows)));
  }

  /* What the user does. */

  function choice(title, key, options) {
    const set = element("fieldset", {}, element("legend", {}, title));
    for (const [value, text] of options) {
      const radio = element("input", { type: "radio", name: key, checked: state[key] === value });
      radio.onchange = () => {
        state[key] = value;
        zoom(key === "view" ? state.trees[value] : state.at, false);
      };
      set.append(element("label", {}, radio, " " + text));
    }
    return set;
  }

  function key(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape" && state.at.parent) zoom(state.at.parent, true);
    if (!step) return;
    const buttons = [...map.querySelectorAll("button")];
    const next = buttons[buttons.indexOf(document.activeElement) + step];
    if (next) {
      document.activeElement.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    }
    event.preventDefault();
  }

  function click(event) {
    let box = event.target.closest(".b");
    while (box && !box.node.children.length) box = box.parentElement.closest(".b");
    if (box) zoom(box.node, event.detail === 0);
  }

  function explorer() {
    const data = JSON.parse(block.textContent);
    state.trees = { packages: tree(data.packages), directories: tree(data.directories) };
    map.onclick = click;
    map.onkeydown = key;
    place.append(
      element("div", { className: "bars" },
        choice("Grouped by", "view", [["packages", "package"], ["directories", "directory"]]),
        choice("Area is", "measure", [["compressed", "bytes in the image"], ["content", "bytes unpacked"]])),
      path, map, status,
      element("details", {}, element("summary", {}, "What the map shows, as a table"), contents));
    document.getElementById("maps").hidden = true;
    zoom(state.trees.packages, false);
    let width = map.clientWidth;
    new ResizeObserver(() => {
      if (map.clientWidth !== width) { width = map.clientWidth; redraw(); }
    }).observe(map);
  }

  /* The filter above the tables. */

  function filter() {
    const tables = ["packages", "directories", "files"];
    const bodies = tables.flatMap(id => [id, id + "-more"])
      .map(id => document.getElementById(id)).filter(Boolean).map(table => table.tBodies[0]);
    if (!bodies.length) return;
    const rows = bodies.flatMap(body => [...body.rows]).map(row => [row, row.textContent.toLowerCase()]);
    const found = element("span", { className: "note", role: "status" });
    const input = element("input", { type: "search" });
    input.oninput = () => {
      const wanted = input.value.trim().toLowerCase();
      let number = 0;
      for (const [row, text] of rows) {
        row.hidden = !text.includes(wanted);
        if (!row.hidden) number++;
      }
      found.textContent = wanted ? number + " rows" : "";
      for (const body of bodies) {
        const details = body.closest("details");
        if (details) details.open = wanted !== "";
      }
    };
    const heading = bodies[0].closest("section").querySelector("h2");
    heading.after(element("div", { className: "filter" },
      element("label", {}, "Filter the tables ", input), found));
  }

  if (block && place) explorer();
  filter();
  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details")) details.open = true;
  });
})();
//]]>
