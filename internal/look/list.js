"use strict";
// The list of vectors: search, filters, keys. Rows that can be opened stand in
// the page; the others come from the island of data with the id "rows", a line
// each, as [status, suite, name, action, time, ended, class, tags, first
// failure], where a number among the texts is an index into the first line.
(() => {
  const list = document.getElementById("vectors");
  const tools = document.getElementById("tools");
  if (!list || !tools) return;
  const search = tools.querySelector("input");
  const found = tools.querySelector("output");
  const filters = [...tools.querySelectorAll("button[data-status]")];
  const more = document.getElementById("more");
  const batch = 150;

  const element = (name, kind, ...children) => {
    const e = document.createElement(name);
    if (kind) e.className = kind;
    e.append(...children);
    return e;
  };

  const marks = { pass: "✓", fail: "✕", error: "!", warn: "▲", skip: "–" };
  const badge = (status) => {
    const sign = element("span", "", marks[status] || "–");
    sign.setAttribute("aria-hidden", "true");
    return element("span", "status " + status, sign, " " + status);
  };

  const build = (r) => {
    const what = element("span", "what", element("span", "name", element("span", "suite", r.suite + "/"), r.name));
    if (r.first) what.append(element("span", "first", r.first));
    const ended = element("span", "ended", r.ended);
    if (r.class) ended.append(" ", element("span", "class", r.class));
    const item = element("li", "vector", element("div", "row", badge(r.status), what, ended, element("span", "time", r.time)));
    item.dataset.status = r.status;
    return item;
  };

  const rows = [...list.children].map((item) => ({ item, status: item.dataset.status }));
  const island = document.getElementById("rows");
  if (island) {
    const [words, ...packed] = island.textContent.trim().split("\n").map((line) => JSON.parse(line));
    const word = (w) => (typeof w === "number" ? words[w] : w || "");
    for (const [status, suite, name, action, time, ended, kind, tags, first] of packed) {
      rows.push({ status: word(status), suite: word(suite), name, action: word(action), time: time || "", ended: word(ended), class: word(kind), tags: word(tags), first: first || "" });
    }
  }
  const order = { error: 0, fail: 1, warn: 2, skip: 3, pass: 4 };
  rows.sort((a, b) => order[a.status] - order[b.status]);

  const text = (r) => (r.text ??= (r.name === undefined ? r.item.textContent : [r.suite + "/" + r.name, r.action, r.ended, r.class, r.tags, r.first].join("\n")).toLowerCase());

  let matches = rows, shown = 0;
  const show = (upTo) => {
    const next = matches.slice(shown, upTo).map((r) => (r.item ??= build(r)));
    list.append(...next);
    shown += next.length;
    more.hidden = shown >= matches.length;
  };
  const number = (n) => n.toLocaleString("en");

  const refresh = () => {
    const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const pressed = filters.find((f) => f.getAttribute("aria-pressed") === "true");
    const status = pressed ? pressed.dataset.status : "";
    matches = rows.filter((r) => (!status || r.status === status || (status === "pass" && r.status === "warn")) && wanted.every((w) => text(r).includes(w)));
    list.replaceChildren();
    shown = 0;
    show(batch);
    found.textContent = matches.length === rows.length ? number(rows.length) + " vectors" : number(matches.length) + " of " + number(rows.length) + " vectors";
  };

  search.addEventListener("input", refresh);
  for (const f of filters) {
    f.addEventListener("click", () => {
      for (const other of filters) other.setAttribute("aria-pressed", String(other === f));
      refresh();
    });
  }
  more.addEventListener("click", () => {
    const from = shown;
    show(shown + batch);
    list.children[from]?.querySelector("summary")?.focus();
  });
  new IntersectionObserver((seen) => {
    if (seen.some((s) => s.isIntersecting)) show(shown + batch);
  }, { rootMargin: "600px" }).observe(more);

  // Keys: / searches, Escape clears, j and k go from failure to failure.
  const step = (by) => {
    const stops = [...list.querySelectorAll(":scope > .vector > details > summary")];
    const at = stops.indexOf(document.activeElement);
    stops[Math.max(0, Math.min(stops.length - 1, at < 0 ? 0 : at + by))]?.focus();
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target === search) {
      if (event.key === "Escape") {
        search.value = "";
        refresh();
      }
      return;
    }
    if (event.key === "/") search.focus();
    else if (event.key === "j") step(1);
    else if (event.key === "k") step(-1);
    else return;
    event.preventDefault();
  });

  // A link to a vector opens it.
  const open = () => {
    const row = location.hash && rows.find((r) => r.item && r.item.id === location.hash.slice(1));
    if (!row) return;
    if (!row.item.isConnected) {
      search.value = "";
      for (const f of filters) f.setAttribute("aria-pressed", String(!f.dataset.status));
      refresh();
      while (!row.item.isConnected && shown < matches.length) show(shown + batch);
    }
    row.item.querySelector("details").open = true;
    row.item.scrollIntoView();
    row.item.querySelector("summary").focus();
  };
  window.addEventListener("hashchange", open);

  tools.hidden = false;
  refresh();
  open();
})();
