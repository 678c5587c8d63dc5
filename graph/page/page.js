// The page of a mesh: search, choose, zoom. It reads what the page itself holds, and asks nothing of any network, unless a server offers
// newer pages where it came from.
"use strict";
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  /** From which scale on names can be read. */
  const READABLE = 0.7;
  const byId = (id) => document.getElementById(id);
  const [picture, drawing, near, canvas] = ["picture", "drawing", "near", "canvas"].map(byId);
  const [query, filters, list, details, found, search] = ["query", "filters", "list", "details", "found", "search"].map(
    byId,
  );
  /** What the page holds, and what follows from it; newer pages replace it. */
  let nodes, edges, blocks, blockLines;
  let nodeElements, edgeElements, blockElements, edgesOf, words;

  function read() {
    ({ nodes, edges, blocks, blockLines } = JSON.parse(byId("mesh").textContent));
    nodeElements = [...drawing.querySelectorAll(".node")];
    edgeElements = [...drawing.querySelectorAll(".edge")];
    blockElements = [...drawing.querySelectorAll(".block")];
    edgesOf = nodes.map(() => []);
    edges.forEach((edge, index) => {
      edgesOf[edge.source].push(index);
      if (edge.destination !== edge.source) edgesOf[edge.destination].push(index);
    });
    words = nodes.map(({ title, id, kind, protocol, place, stacks }) =>
      [title, id, kind, protocol, place, ...stacks].join(" ").toLowerCase(),
    );
    for (const element of edgeElements) {
      const hit = element.querySelector("path").cloneNode();
      hit.setAttribute("class", "hit");
      element.append(hit);
    }
  }

  /** People count api-2 before api-10. */
  const { compare } = new Intl.Collator("en", { numeric: true });
  const byTitle = (left, right) => compare(nodes[left].title, nodes[right].title);

  /** What is chosen: a node, an edge, or nothing; and whether only its neighbours are shown. */
  let chosen = {};
  let onlyNear = false;
  const view = { x: 0, y: 0, scale: 1, moved: false };

  // ---- elements -------------------------------------------------------------------------------------------------------

  function make(name, properties = {}, ...children) {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...children);
    return element;
  }

  function draw(name, attributes) {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  }

  function factList(facts) {
    return make("dl", {}, ...facts.flatMap(([label, value]) => [make("dt", {}, label), make("dd", {}, value)]));
  }

  // ---- moving and zooming ---------------------------------------------------------------------------------------------

  function place() {
    const { x, y, scale } = view;
    (onlyNear ? near : drawing).setAttribute("transform", `translate(${x} ${y}) scale(${scale})`);
    picture.classList.toggle("far", scale < READABLE / 2);
  }

  function wholeBox() {
    if (onlyNear) return near.box;
    return [0, 0, Number(picture.dataset.width), Number(picture.dataset.height)];
  }

  function fit([x, y, width, height] = wholeBox(), biggest = 1.4) {
    const { clientWidth, clientHeight } = canvas;
    view.scale = Math.min(biggest, (clientWidth - 24) / width, (clientHeight - 24) / height);
    view.x = (clientWidth - width * view.scale) / 2 - x * view.scale;
    view.y = (clientHeight - height * view.scale) / 2 - y * view.scale;
    place();
  }

  function zoom(factor, atX = canvas.clientWidth / 2, atY = canvas.clientHeight / 2) {
    const scale = Math.min(6, Math.max(0.04, view.scale * factor));
    view.x = atX - ((atX - view.x) * scale) / view.scale;
    view.y = atY - ((atY - view.y) * scale) / view.scale;
    view.scale = scale;
    view.moved = true;
    place();
  }

  function pan(dx, dy) {
    view.x += dx;
    view.y += dy;
    view.moved = true;
    place();
  }

  /** Brings nodes into view: all of them, or only the first if they could not be read then. */
  function show(indices, { readable = false } = {}) {
    if (indices.length === 0 || onlyNear) {
      fit();
      return;
    }
    unfoldFor(indices.slice(0, 1));
    // A folded block is seen as a whole.
    const boxes = indices.map((index) => (foldedAt(index) === undefined ? nodes[index] : blocks[foldedAt(index)]).box);
    const left = Math.min(...boxes.map(([x]) => x)) - 60;
    const top = Math.min(...boxes.map(([, y]) => y)) - 60;
    const right = Math.max(...boxes.map(([x, , width]) => x + width)) + 60;
    const bottom = Math.max(...boxes.map(([, y, , height]) => y + height)) + 60;
    fit([left, top, right - left, bottom - top], 1.2);
    view.moved = true;
    if (!readable || view.scale >= READABLE) return;
    const [x, y, width, height] = boxes[0];
    zoom(READABLE / view.scale);
    pan(
      canvas.clientWidth / 2 - (x + width / 2) * view.scale - view.x,
      canvas.clientHeight / 2 - (y + height / 2) * view.scale - view.y,
    );
  }

  const pointers = new Map();
  let pressed;
  picture.addEventListener("pointerdown", (event) => {
    pointers.set(event.pointerId, event);
    picture.setPointerCapture(event.pointerId);
    pressed = { target: event.target, distance: 0 };
  });
  picture.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const others = [...pointers.values()].filter(({ pointerId }) => pointerId !== event.pointerId);
    if (others.length === 1) {
      const [other] = others;
      const span = (it) => Math.hypot(it.clientX - other.clientX, it.clientY - other.clientY) || 1;
      const { left, top } = canvas.getBoundingClientRect();
      zoom(
        span(event) / span(before),
        (event.clientX + other.clientX) / 2 - left,
        (event.clientY + other.clientY) / 2 - top,
      );
      pressed.distance = Infinity;
    } else {
      const [dx, dy] = [event.clientX - before.clientX, event.clientY - before.clientY];
      pressed.distance += Math.abs(dx) + Math.abs(dy);
      if (pressed.distance > 4) {
        picture.classList.add("moving");
        pan(dx, dy);
      }
    }
    pointers.set(event.pointerId, event);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    picture.addEventListener(end, (event) => {
      pointers.delete(event.pointerId);
      if (pointers.size > 0) return;
      picture.classList.remove("moving");
      if (end === "pointerup" && pressed && pressed.distance <= 4) press(pressed.target);
      pressed = undefined;
    });
  }
  picture.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const { left, top } = canvas.getBoundingClientRect();
      const pixels = event.deltaMode === 1 ? event.deltaY * 33 : event.deltaY;
      zoom(Math.exp(-pixels / 400), event.clientX - left, event.clientY - top);
    },
    { passive: false },
  );

  function press(target) {
    const block = target.closest("[data-block]");
    const node = target.closest("[data-node]");
    const edge = target.closest("[data-edge]");
    if (block && (target.matches("text") || folded.has(Number(block.dataset.block)))) {
      toggle(Number(block.dataset.block));
    } else if (node) choose({ node: Number(node.dataset.node) });
    else if (edge) choose({ edge: Number(edge.dataset.edge) });
    else if (!onlyNear) choose({});
  }

  // ---- folding --------------------------------------------------------------------------------------------------------

  /** The blocks that show only their name; at first all. */
  const folded = new Set();
  let blockOf, lineBetween, SIZE;
  const bundles = draw("g", { id: "bundles", fill: "none" });

  function readBlocks(isOpen = () => false) {
    folded.clear();
    blocks.forEach((block, index) => isOpen(block) || folded.add(index));
    blockOf = nodes.map(() => undefined);
    blocks.forEach(({ members }, block) => members.forEach((member) => (blockOf[member] = block)));
    lineBetween = new Map(blockLines.map((line) => [`${line.from} ${line.to}`, line]));
    // How long the arrows of blocks are.
    SIZE = Number(picture.dataset.width) / 90;
    blockElements.at(-1)?.parentElement.after(bundles);
    blockElements.forEach(readBlock);
    byId("fold").hidden = blocks.length === 0;
  }

  function readBlock(element, index) {
    const { title, members } = blocks[index];
    const ill = members.filter((member) => nodes[member].ill).length;
    const [x, y, width, height] = blocks[index].box;
    const big = draw("text", { class: "big", x: x + width / 2, y: y + height / 2 });
    big.textContent = title;
    big.style.fontSize = `${Math.max(14, Math.min(width / (title.length * 0.75), height / 2, 120))}px`;
    element.append(big);
    element.classList.toggle("ill", ill > 0);
    for (const [name, value] of Object.entries({
      tabindex: "0",
      role: "button",
      "aria-label": `${title}, ${members.length} boxes${ill > 0 ? `, ${ill} not healthy` : ""}`,
    }))
      element.setAttribute(name, value);
    element.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      toggle(index);
    });
  }

  function toggle(block) {
    if (!folded.delete(block)) folded.add(block);
    renderFolds();
  }

  /** Shows nodes that are in folded blocks. */
  function unfoldFor(indices) {
    const isChanged = indices.map((index) => folded.delete(blockOf[index])).includes(true);
    if (isChanged) renderFolds();
  }

  const foldedAt = (index) => (folded.has(blockOf[index]) ? blockOf[index] : undefined);

  function renderFolds() {
    if (blocks.length === 0) return;
    blockElements.forEach((element, index) => {
      element.classList.toggle("folded", folded.has(index));
      element.setAttribute("aria-expanded", String(!folded.has(index)));
    });
    nodeElements.forEach((element, index) => element.toggleAttribute("hidden", foldedAt(index) !== undefined));
    const between = new Map();
    edges.forEach(({ source, destination, refused }, index) => {
      const [from, to] = [foldedAt(source), foldedAt(destination)];
      const isShown = from === undefined && to === undefined;
      edgeElements[index].toggleAttribute("hidden", !isShown);
      if (isShown || (from !== undefined && from === to)) return;
      const key = `${from === undefined ? `n${source}` : from} ${to === undefined ? `n${destination}` : to}`;
      const bundle = between.get(key) ?? {
        key,
        count: 0,
        refused: 0,
        from: from === undefined ? nodes[source] : blocks[from],
        to: to === undefined ? nodes[destination] : blocks[to],
      };
      bundle.count++;
      if (refused) bundle.refused++;
      between.set(key, bundle);
    });
    bundles.replaceChildren(...[...between.values()].map(bundleOf));
    byId("fold").textContent = folded.size > 0 ? "Unfold all" : "Fold all";
  }

  /** One line for all connections from here to there. */
  function bundleOf({ key, count, refused, from, to }) {
    const { path: d, tip, base } = lineBetween.get(key) ?? lineFrom(from.box, to.box);
    const group = draw("g", { class: refused > 0 ? "edge bundle refused" : "edge bundle" });
    const path = draw("path", { d });
    path.style.strokeWidth = String(Math.min(5, 1.2 + Math.log2(count) / 2));
    const length = Math.hypot(tip.x - base.x, tip.y - base.y) || 1;
    const [dx, dy] = [((tip.x - base.x) / length) * SIZE, ((tip.y - base.y) / length) * SIZE];
    const [x, y] = [tip.x - dx, tip.y - dy];
    const points = `${tip.x},${tip.y} ${x - dy / 2},${y + dx / 2} ${x + dy / 2},${y - dx / 2}`;
    group.append(path, draw("polygon", { points }));
    if (count > 1) {
      const middle = path.getPointAtLength(path.getTotalLength() / 2);
      const text = draw("text", { x: middle.x, y: middle.y });
      text.style.fontSize = `${SIZE}px`;
      text.textContent = String(count);
      group.append(text);
    }
    return group;
  }

  /** From one box to another: across where they are beside each other, otherwise up or down. */
  function lineFrom([x1, y1, w1, h1], [x2, y2, w2, h2]) {
    const beside = y1 < y2 + h2 && y2 < y1 + h1;
    const sign = (beside ? x1 + w1 / 2 <= x2 + w2 / 2 : y1 <= y2) ? 1 : -1;
    const start = beside ? [sign > 0 ? x1 + w1 : x1, y1 + h1 / 2] : [x1 + w1 / 2, sign > 0 ? y1 + h1 : y1];
    const tip = beside ? [sign > 0 ? x2 : x2 + w2, y2 + h2 / 2] : [x2 + w2 / 2, sign > 0 ? y2 : y2 + h2];
    const step = ([x, y], by) => (beside ? [x + sign * by, y] : [x, y + sign * by]);
    const base = step(tip, -SIZE);
    const reach = Math.max(SIZE * 2, Math.abs(base[beside ? 0 : 1] - start[beside ? 0 : 1]) / 2);
    const at = ([x, y]) => ({ x, y });
    return { path: `M${start}C${step(start, reach)} ${step(base, -reach)} ${base}`, tip: at(tip), base: at(base) };
  }

  function foldAll() {
    if (folded.size > 0) folded.clear();
    else for (const block of blocks.keys()) folded.add(block);
    renderFolds();
  }

  byId("fold").onclick = foldAll;

  // ---- what matches ---------------------------------------------------------------------------------------------------

  const choices = [
    ["protocol", "any protocol", ({ protocol }) => [protocol]],
    ["kind", "any kind", ({ kind }) => [kind]],
    ["place", "any place", ({ place }) => [place]],
    ["stack", "any stack", ({ stacks }) => stacks],
  ];
  const states = [
    ["with a refused connection", (index) => edgesOf[index].some((it) => edges[it].refused)],
    ["with failing requests", (index) => edgesOf[index].some((it) => edges[it].failing)],
    ["not healthy", (index) => nodes[index].ill],
  ];
  let selects = [];

  function readFilters() {
    const before = new Map(selects.map(({ select }) => [select.ariaLabel, select.selectedOptions[0].text]));
    const offer = (label, all, values, isMeant) => {
      const select = make(
        "select",
        { ariaLabel: label },
        new Option(all, ""),
        ...values.map((it) => new Option(it, it)),
      );
      select.value = values.find((it) => it === before.get(label)) ?? "";
      return { select, test: (index) => isMeant(index, select.value) };
    };
    const present = states.filter(([, test]) => nodes.some((_, index) => test(index)));
    selects = choices.flatMap(([label, all, valuesOf]) => {
      const values = [...new Set(nodes.flatMap(valuesOf))].filter(Boolean).sort();
      return values.length < 2 ? [] : [offer(label, all, values, (index, it) => valuesOf(nodes[index]).includes(it))];
    });
    if (present.length > 0) {
      const tests = new Map(present);
      selects.push(offer("state", "any state", [...tests.keys()], (index, it) => tests.get(it)(index)));
    }
    filters.replaceChildren(...selects.map(({ select }) => select));
  }

  /** The nodes that are searched for; undefined while nothing is. */
  function matches() {
    const terms = query.value.toLowerCase().split(/\s+/).filter(Boolean);
    const active = selects.filter(({ select }) => select.value !== "");
    if (terms.length === 0 && active.length === 0) return undefined;
    return nodes
      .map((_, index) => index)
      .filter((index) => terms.every((term) => words[index].includes(term)) && active.every(({ test }) => test(index)));
  }

  // ---- choosing -------------------------------------------------------------------------------------------------------

  function choose(choice, { focus = false, move = false, record = true } = {}) {
    const before = chosen.node;
    chosen = choice;
    const ends =
      chosen.edge === undefined ? [chosen.node] : [edges[chosen.edge].source, edges[chosen.edge].destination];
    if (ends[0] !== undefined) unfoldFor(ends);
    if (chosen.node === undefined && onlyNear) setNear(false);
    render();
    if (onlyNear) {
      drawNear(chosen.node);
      fit();
    } else if (move && chosen.node !== undefined) {
      show([chosen.node, ...neighboursOf(chosen.node)], { readable: true });
    }
    if (focus) details.querySelector("h2")?.focus({ preventScroll: true });
    if (chosen.node === undefined && chosen.edge === undefined && before !== undefined && focus) {
      items[before].firstElementChild.focus();
    }
    const name = chosen.node === undefined ? "" : `#${encodeURIComponent(nodes[chosen.node].id)}`;
    if (record && name !== location.hash) history.pushState(null, "", name || location.pathname + location.search);
  }

  /** Chooses what the address names: when the page opens, when it is edited, and on the way back. */
  function followAddress() {
    const node = nodes.findIndex(({ id }) => `#${encodeURIComponent(id)}` === location.hash);
    choose(node < 0 ? {} : { node }, { move: true, record: false });
  }
  globalThis.addEventListener("popstate", followAddress);

  function neighboursOf(index) {
    return edgesOf[index].map((it) => (edges[it].source === index ? edges[it].destination : edges[it].source));
  }

  function render() {
    const matching = matches();
    const litEdges = new Set();
    const litNodes = new Set();
    if (chosen.node !== undefined) {
      litNodes.add(chosen.node);
      for (const edge of edgesOf[chosen.node]) litEdges.add(edge);
    } else if (chosen.edge !== undefined) {
      litEdges.add(chosen.edge);
    } else if (matching) {
      for (const node of matching) litNodes.add(node);
      edges.forEach(({ source, destination }, index) => {
        if (litNodes.has(source) && litNodes.has(destination)) litEdges.add(index);
      });
    }
    if (chosen.node !== undefined || chosen.edge !== undefined) {
      for (const edge of litEdges) litNodes.add(edges[edge].source).add(edges[edge].destination);
    }
    drawing.classList.toggle("dim", litNodes.size > 0 || matching !== undefined);
    nodeElements.forEach((element, index) => {
      element.classList.toggle("lit", litNodes.has(index));
      element.classList.toggle("chosen", chosen.node === index);
    });
    edgeElements.forEach((element, index) => {
      element.classList.toggle("lit", litEdges.has(index));
      element.classList.toggle("chosen", chosen.edge === index);
    });
    renderPanel(matching);
  }

  function renderPanel(matching) {
    const shown = matching && new Set(matching);
    const hasChoice = chosen.node !== undefined || chosen.edge !== undefined;
    details.hidden = !hasChoice;
    list.hidden = found.hidden = hasChoice;
    if (hasChoice) details.replaceChildren(...(chosen.node === undefined ? edgeDetails() : nodeDetails()));
    items.forEach((item, index) => (item.hidden = shown !== undefined && !shown.has(index)));
    found.textContent = shown ? `${shown.size} of ${nodes.length} match. Enter shows them.` : `${nodes.length} in all`;
  }

  function backButton() {
    return make("button", { type: "button", onclick: () => choose({}, { focus: true }) }, "← All");
  }

  function heading(text) {
    return make("h2", { className: "mono", tabIndex: -1 }, text);
  }

  function nodeDetails() {
    const { title, facts, links, commands } = nodes[chosen.node];
    const outgoing = edgesOf[chosen.node].filter((it) => edges[it].source === chosen.node);
    const incoming = edgesOf[chosen.node].filter((it) => edges[it].destination === chosen.node);
    const toggle = make("button", { type: "button", ariaPressed: String(onlyNear) }, "Only its neighbours");
    toggle.onclick = () => {
      setNear(!onlyNear);
      choose({ node: chosen.node });
      if (!onlyNear) show([chosen.node, ...neighboursOf(chosen.node)], { readable: true });
    };
    return [
      make("div", { className: "actions" }, backButton(), toggle),
      heading(title),
      factList(facts),
      ...linkList(links, commands),
      ...rows("Goes to", outgoing, ({ destination }) => destination),
      ...rows("Reached by", incoming, ({ source }) => source),
    ];
  }

  function linkList(links, commands) {
    if (links.length + commands.length === 0) return [];
    const anchors = links
      .filter(({ url }) => /^https?:\/\//.test(url))
      .map(({ title, url }) => make("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, title));
    const lines = commands.map((command) => {
      const copy = make("button", { type: "button", title: "Copy the command" }, "Copy");
      copy.onclick = () =>
        navigator.clipboard.writeText(command).then(
          () => (copy.textContent = "Copied"),
          () => (copy.textContent = "Select it instead"),
        );
      return make("div", { className: "command" }, make("code", { className: "mono" }, command), copy);
    });
    return [make("h3", {}, "Open"), make("div", { className: "links" }, ...anchors, ...lines)];
  }

  function rows(title, indices, otherOf) {
    if (indices.length === 0) return [make("h3", {}, `${title}: nothing`)];
    const sorted = indices
      .map((index) => ({ edge: edges[index], other: otherOf(edges[index]) }))
      .sort((a, b) => byTitle(a.other, b.other));
    return [
      make("h3", {}, `${title} (${sorted.length})`),
      ...sorted.map(({ edge, other }) => {
        const button = nodeButton(other, edge.label, edge.refused);
        return make("div", { className: "row" }, button, factList(edge.facts));
      }),
    ];
  }

  function edgeDetails() {
    const { sentence, source, destination, facts } = edges[chosen.edge];
    return [
      make("div", { className: "actions" }, backButton()),
      heading(sentence),
      factList(facts),
      ...[source, destination].map((it) => make("div", { className: "row" }, nodeButton(it, nodes[it].kind))),
    ];
  }

  function nodeButton(index, tag, bad = false) {
    return make(
      "button",
      { type: "button", onclick: () => choose({ node: index }, { focus: true, move: true }) },
      make("span", { className: "mono" }, nodes[index].title),
      make("span", { className: bad ? "tag bad" : "tag" }, tag),
    );
  }

  // ---- only the neighbours --------------------------------------------------------------------------------------------

  function setNear(wanted) {
    onlyNear = wanted;
    near.toggleAttribute("hidden", !wanted);
    drawing.toggleAttribute("hidden", wanted);
  }

  /** Who comes to it on the left, it in the middle, where it goes on the right: columns need no layout of their own. */
  function drawNear(index) {
    const ROWS = 18;
    const own = edgesOf[index];
    const sources = [...new Set(own.filter((it) => edges[it].destination === index).map((it) => edges[it].source))];
    const targets = [...new Set(own.filter((it) => edges[it].source === index).map((it) => edges[it].destination))];
    const [, , width, height] = nodes[index].box;
    const lines = [];
    const boxes = [];
    const extent = { left: -width / 2, right: width / 2, top: -height / 2, bottom: height / 2 };
    const put = (node, x, y) => {
      const element = nodeElements[node].cloneNode(true);
      // It may be in a folded block.
      element.removeAttribute("hidden");
      const [, , w, h] = nodes[node].box;
      element.setAttribute("transform", `translate(${x - w / 2} ${y - h / 2})`);
      element.classList.toggle("chosen", node === index);
      boxes.push(element);
      extent.left = Math.min(extent.left, x - w / 2);
      extent.right = Math.max(extent.right, x + w / 2);
      extent.top = Math.min(extent.top, y - h / 2);
      extent.bottom = Math.max(extent.bottom, y + h / 2);
    };
    const column = (others, side, edgesTo) => {
      const sorted = others.filter((it) => it !== index).sort(byTitle);
      const widest = Math.max(0, ...sorted.map((it) => nodes[it].box[2]));
      const count = Math.ceil(sorted.length / ROWS);
      const perColumn = Math.ceil(sorted.length / count);
      sorted.forEach((other, position) => {
        const [which, row] = [Math.floor(position / perColumn), position % perColumn];
        const inThis = Math.min(perColumn, sorted.length - which * perColumn);
        const x = side * (width / 2 + 150 + widest / 2 + which * (widest + 40));
        const y = (row - (inThis - 1) / 2) * 56 + (which % 2) * 28;
        put(other, x, y);
        edgesTo(other).forEach((edge, nth, all) => {
          const shift = (nth - (all.length - 1) / 2) * 17;
          lines.push(curve(edge, side, width / 2, side * x - nodes[other].box[2] / 2, y + shift));
        });
      });
    };
    column(sources, -1, (other) => own.filter((it) => edges[it].source === other && edges[it].destination === index));
    column(targets, 1, (other) => own.filter((it) => edges[it].destination === other && edges[it].source === index));
    put(index, 0, 0);
    near.replaceChildren(...lines, ...boxes);
    near.box = [extent.left - 20, extent.top - 30, extent.right - extent.left + 40, extent.bottom - extent.top + 60];
  }

  /** From the middle's edge, `from` away, to a neighbour's, `to` away and `y` down, on one side. */
  function curve(edge, side, from, to, y) {
    const group = draw("g", { class: edgeElements[edge].getAttribute("class"), "data-edge": edge });
    group.classList.remove("lit");
    const outward = side === 1;
    const end = outward ? to - 9 : from + 9;
    const start = outward ? from : to;
    const [startY, endY] = outward ? [0, y] : [y, 0];
    const bend = (start + end) / 2;
    const d = `M${side * start},${startY}C${side * bend},${startY} ${side * bend},${endY} ${side * end},${endY}`;
    const tip = outward ? to : from;
    const title = draw("title", {});
    title.textContent = edges[edge].sentence;
    group.append(
      title,
      draw("path", { d }),
      draw("path", { d, class: "hit" }),
      draw("polygon", { points: `${side * tip},${endY} ${side * end},${endY - 4} ${side * end},${endY + 4}` }),
    );
    if (edges[edge].mark !== "") {
      const text = draw("text", { x: side * (to - 13), y: y - 5, stroke: "none" });
      text.style.textAnchor = outward ? "end" : "start";
      text.textContent = edges[edge].mark;
      group.append(text);
    }
    return group;
  }

  // ---- the rest of the page -------------------------------------------------------------------------------------------

  let items;

  function readList() {
    items = nodes.map(({ kind, protocol, ill }, index) => {
      const refused = edgesOf[index].some((it) => edges[it].refused && edges[it].source === index);
      const failing = edgesOf[index].some((it) => edges[it].failing && edges[it].source === index);
      const problem = [refused && "refused somewhere", failing && "requests fail", ill && "not healthy"]
        .filter(Boolean)
        .join(", ");
      return make("li", {}, nodeButton(index, problem || (kind === "service" ? protocol : kind), problem !== ""));
    });
    const order = nodes.map((_, index) => index).sort(byTitle);
    list.replaceChildren(...order.map((index) => items[index]));
  }

  function searchAgain() {
    chosen = {};
    if (onlyNear) setNear(false);
    render();
    place();
  }
  query.addEventListener("input", searchAgain);
  filters.addEventListener("change", () => {
    searchAgain();
    showMatches(matches() ?? []);
  });
  search.addEventListener("submit", (event) => {
    event.preventDefault();
    const matching = matches() ?? [];
    const exact = matching.filter((index) => nodes[index].title === query.value.trim());
    const [one, ...others] = exact.length > 0 ? exact : matching;
    if (one !== undefined && others.length === 0) choose({ node: one }, { focus: true, move: true });
    else showMatches(matching);
  });

  function showMatches(indices) {
    unfoldFor(indices);
    show(indices);
  }

  byId("bigger").onclick = () => zoom(1.3);
  byId("smaller").onclick = () => zoom(1 / 1.3);
  byId("fit").onclick = () => fit();

  const root = document.documentElement;
  const themes = ["", "light", "dark"];
  const setTheme = (theme) => {
    root.style.colorScheme = theme;
    byId("theme").textContent = theme === "" ? "Theme: system" : `Theme: ${theme}`;
  };
  let theme = themes.indexOf(recall("theme") ?? "");
  setTheme(themes[Math.max(0, theme)]);
  byId("theme").onclick = () => {
    theme = (Math.max(0, theme) + 1) % themes.length;
    setTheme(themes[theme]);
    remember("theme", themes[theme]);
  };

  // A page from a file may be denied a memory.
  function recall(key) {
    try {
      return localStorage.getItem(`meshform.${key}`) ?? undefined;
    } catch {
      return undefined;
    }
  }
  function remember(key, value) {
    try {
      localStorage.setItem(`meshform.${key}`, value);
    } catch {
      // It lasts as long as the page, then.
    }
  }

  const moves = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const isTyping = event.target.matches("input, select");
    if (event.key === "Escape") {
      if (chosen.node === undefined && chosen.edge === undefined) {
        query.value = "";
        for (const { select } of selects) select.value = "";
        searchAgain();
      } else {
        choose({}, { focus: true });
      }
    } else if (isTyping) {
      if (event.key === "ArrowDown" && event.target === query) {
        [...list.children].find((item) => !item.hidden)?.firstElementChild.focus();
        event.preventDefault();
      }
    } else if (event.key === "/") {
      query.focus();
      event.preventDefault();
    } else if (event.key === "+" || event.key === "=") zoom(1.3);
    else if (event.key === "-") zoom(1 / 1.3);
    else if (event.key === "0") fit();
    else if (event.key === "f" && blocks.length > 0) foldAll();
    else if (event.key in moves && event.target === canvas) {
      pan(...moves[event.key]);
      event.preventDefault();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const shown = [...list.children].filter((item) => !item.hidden).map((item) => item.firstElementChild);
      const at = shown.indexOf(document.activeElement);
      if (at < 0) return;
      shown[at + (event.key === "ArrowDown" ? 1 : -1)]?.focus();
      event.preventDefault();
    }
  });

  new ResizeObserver(() => {
    if (!view.moved) fit();
  }).observe(canvas);
  // ---- newer pages -------------------------------------------------------------------------------------------------------

  const edgeKey = ({ source, destination, kind }) => JSON.stringify([nodes[source].id, nodes[destination].id, kind]);
  const placeOf = ({ title, members }) => JSON.stringify([title, nodes[members[0]]?.place]);

  /** Shows what another page holds, as this one shows it: the same choice, search, size and place, and the same blocks unfolded. */
  function adopt(other) {
    const before = { node: nodes[chosen.node]?.id, edge: chosen.edge !== undefined && edgeKey(edges[chosen.edge]) };
    const open = new Set(blocks.filter((_, index) => !folded.has(index)).map(placeOf));
    const nameOf = (button) => (button?.firstElementChild ?? button)?.textContent;
    const focused = nameOf(document.activeElement?.closest("#panel button"));
    const [panel, scroll] = [byId("panel"), byId("panel").scrollTop];
    const { width, height } = picture.dataset;
    const [drawn, size] = [other.getElementById("drawing"), other.getElementById("picture").dataset];
    drawing.replaceChildren(...[...drawn.children].map((child) => document.importNode(child, true)));
    Object.assign(picture.dataset, { width: size.width, height: size.height });
    for (const id of ["mesh", "notes"]) {
      byId(id).replaceChildren(...[...other.getElementById(id).childNodes].map((it) => document.importNode(it, true)));
    }
    document.querySelector(".summary").textContent = other.querySelector(".summary").textContent;
    read();
    readBlocks((block) => open.has(placeOf(block)));
    readFilters();
    readList();
    const node = nodes.findIndex(({ id }) => id === before.node);
    const edge = edges.findIndex((it) => edgeKey(it) === before.edge);
    chosen = node >= 0 ? { node } : edge >= 0 ? { edge } : {};
    if (onlyNear && node < 0) setNear(false);
    if (onlyNear) drawNear(node);
    renderFolds();
    render();
    panel.scrollTop = scroll;
    if (focused !== undefined) {
      const same = [...panel.querySelectorAll("button")].find(
        (it) => !it.closest("[hidden]") && nameOf(it) === focused,
      );
      same?.focus({ preventScroll: true });
    }
    if (!view.moved && (size.width !== width || size.height !== height)) fit();
    else place();
  }

  /** How often newer pages are asked for, and from which age on what is shown is stale, in seconds. */
  const [ASK_S, STALE_S] = [2, 60];

  async function follow() {
    let shown = document.body.dataset.version;
    let takenAt = performance.now();
    for (;;) {
      let problem;
      try {
        const options = { cache: "no-store", signal: AbortSignal.timeout(10_000) };
        const reading = await (await fetch("reading", options)).json();
        if (reading.version !== shown) {
          const text = await (await fetch(location.pathname, options)).text();
          const other = new DOMParser().parseFromString(text, "text/html");
          adopt(other);
          shown = other.body.dataset.version;
        }
        ({ problem } = reading);
        takenAt = performance.now() - reading.ageMs;
      } catch {
        problem = "The command that refreshes this page does not answer. If it has ended, start it again.";
      }
      const age = Math.round((performance.now() - takenAt) / 1000);
      showAge(age, problem ?? (age > STALE_S ? "The last reading is old." : undefined));
      await new Promise((resolve) => setTimeout(resolve, ASK_S * 1000));
    }
  }

  function showAge(age, problem) {
    const text = age < 60 ? `${age} s` : `${Math.floor(age / 60)} min`;
    document.body.classList.toggle("stale", problem !== undefined);
    byId("age").hidden = problem !== undefined;
    byId("stale").hidden = problem === undefined;
    byId(problem === undefined ? "age" : "stale").textContent =
      problem === undefined ? `● live, ${text} old` : `Stale, ${text} old: ${problem}`;
  }

  read();
  readBlocks();
  readFilters();
  readList();
  fit();
  renderFolds();
  followAddress();
  if (document.body.dataset.version !== undefined) void follow();
})();
