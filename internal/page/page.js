"use strict";
// The pages are whole without this. It tells times in the viewer's zone, follows
// the monitor's events, and gives lists keys. What changed is fetched as the same
// page again, which the browser parses without running anything in it.
(() => {
  const root = document.documentElement;
  const main = document.getElementById("main");
  const live = document.getElementById("live");

  const localise = (within) => {
    const now = new Date();
    for (const t of within.querySelectorAll("time[datetime]")) {
      const at = new Date(t.dateTime);
      if (isNaN(at)) continue;
      const form = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
      if (at.getFullYear() !== now.getFullYear()) form.year = "numeric";
      t.textContent = at.toLocaleString(undefined, form);
    }
  };
  localise(document);

  // Keys: / searches, j and k go from vector to vector.
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
    if (event.key === "/") {
      const search = document.querySelector("input[type=search]");
      if (!search) return;
      search.focus();
    } else if (event.key === "j" || event.key === "k") {
      const stops = [...document.querySelectorAll(".vector > details > summary")];
      const at = stops.indexOf(document.activeElement);
      const to = at < 0 ? 0 : at + (event.key === "j" ? 1 : -1);
      stops[Math.max(0, Math.min(stops.length - 1, to))]?.focus();
    } else return;
    event.preventDefault();
  });

  // A link to a vector opens it.
  const open = () => {
    const details = location.hash && document.getElementById(location.hash.slice(1))?.querySelector(":scope > details");
    if (!details) return;
    details.open = true;
    details.querySelector("summary").focus();
  };
  window.addEventListener("hashchange", open);
  open();

  if (!live || !root.dataset.version || !window.EventSource) return;

  // An element without an id is known by its place below the nearest one that has one.
  const find = (scope, host, kind, at) => (scope.id === host ? scope : scope.querySelector("#" + CSS.escape(host)))?.querySelectorAll(kind)[at];
  const place = (element, kind) => {
    const host = element.parentElement.closest("[id]");
    return [host.id, kind, [...host.querySelectorAll(kind)].indexOf(element)];
  };
  const controls = "a, button, summary, input, [tabindex]";

  // What the viewer opened, wrote and stands on stays.
  const carry = (old, fresh) => {
    for (const details of old.querySelectorAll("details[open]")) {
      const same = find(fresh, ...place(details, "details"));
      if (same) same.open = true;
    }
    for (const input of old.querySelectorAll("input[type=search]")) {
      const same = find(fresh, ...place(input, "input"));
      if (same && input.value !== input.defaultValue) same.value = input.value;
    }
    const active = document.activeElement;
    const focus = old.contains(active) && active !== old ? place(active, controls) : null;
    const scrolled = [...old.querySelectorAll(".scroll")].map((s) => s.scrollLeft);
    return () => {
      if (focus) find(fresh, ...focus)?.focus({ preventScroll: true });
      [...fresh.querySelectorAll(".scroll")].forEach((s, i) => { s.scrollLeft = scrolled[i] || 0; });
    };
  };

  const update = (next) => {
    localise(next);
    const said = document.getElementById("news")?.textContent, news = next.getElementById("news")?.textContent;
    let at = main.firstElementChild;
    for (const fresh of [...next.getElementById("main").children]) {
      const old = fresh.id && [...main.children].find((e) => e.id === fresh.id);
      document.adoptNode(fresh);
      if (!old) {
        main.insertBefore(fresh, at);
        fresh.classList.add("fresh");
        continue;
      }
      while (at && at !== old) {
        const gone = at;
        at = at.nextElementSibling;
        gone.remove();
      }
      at = old.nextElementSibling;
      const restore = carry(old, fresh);
      if (old.isEqualNode(fresh)) continue;
      old.replaceWith(fresh);
      restore();
    }
    while (at) {
      const gone = at;
      at = at.nextElementSibling;
      gone.remove();
    }
    if (news && news !== said) document.getElementById("said").textContent = news; // read out
    if (document.title !== next.title) document.title = next.title;
    root.dataset.version = next.documentElement.dataset.version;
    const made = next.getElementById("made");
    if (made) asOf = made.textContent;
  };

  // say tells how the pages follow. Times alone are not read out again and again.
  let asOf = document.getElementById("made")?.textContent;
  const say = (state) => {
    if (live.dataset.state === state) return;
    live.dataset.state = state;
    live.textContent = { on: "Live", lost: "Not live since " + asOf + ": trying again", off: "Not live: reload to see what is new" }[state];
  };

  let busy = false, again = false;
  const fetchPage = () => {
    if (busy) { again = true; return; }
    busy = true;
    const request = new XMLHttpRequest();
    request.responseType = "document";
    request.open("GET", location.pathname + location.search);
    request.timeout = 45000;
    request.onloadend = () => {
      busy = false;
      if (request.status === 200 && request.response?.getElementById("main")) update(request.response);
      else if (request.status === 401) { stop(); say("off"); return; }
      if (again) { again = false; fetchPage(); }
    };
    request.send();
  };

  // A page that nobody sees takes no connection.
  let source = null, patience = 0, retry = 0;
  const stop = () => { source?.close(); source = null; clearTimeout(patience); clearTimeout(retry); patience = 0; };
  const follow = () => {
    stop();
    source = new EventSource("/events?since=" + encodeURIComponent(root.dataset.version));
    source.onopen = () => { clearTimeout(patience); patience = 0; say("on"); };
    source.addEventListener("change", fetchPage);
    source.onerror = () => {
      if (!patience) patience = setTimeout(() => say("lost"), 2500); // a moment's loss is not worth a word
      if (source && source.readyState === EventSource.CLOSED) retry = setTimeout(follow, 10000 + Math.random() * 10000);
    };
  };
  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : follow()));
  window.addEventListener("pagehide", stop);
  window.addEventListener("pageshow", (event) => { if (event.persisted) follow(); });
  if (!document.hidden) follow();
})();
