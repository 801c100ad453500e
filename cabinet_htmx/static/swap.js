// What makes the public pages nicer: a countdown, prices that stay fresh, an order that tells of
// changes. Everything works without it.
"use strict";

const REQUOTE_MS = 15000;

// Countdown: by this page's own clock, from the seconds that were left when it was made.

const ends = new WeakMap();

function tick() {
  for (const clock of document.querySelectorAll("[data-left]")) {
    if (!ends.has(clock)) ends.set(clock, performance.now() + Number(clock.dataset.left) * 1000);
    const left = Math.max(0, Math.ceil((ends.get(clock) - performance.now()) / 1000));
    clock.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    clock.classList.toggle("short", left < 300);
  }
}
tick();
setInterval(tick, 1000);

// Prices grow old: ask again while somebody looks.

setInterval(() => {
  const price = document.getElementById("price");
  if (price && !document.hidden && window.htmx) htmx.trigger(price, "requote");
}, REQUOTE_MS);

// The order's token goes in a header: it belongs into no more logs than it has to.

document.addEventListener("htmx:configRequest", (event) => {
  const { token, seen } = event.detail.elt.dataset;
  if (!token) return;
  event.detail.headers["X-Order-Token"] = token;
  event.detail.headers["X-Order-Seen"] = seen;
});

document.addEventListener("htmx:afterRequest", (event) => {
  const seen = event.detail.xhr.getResponseHeader("X-Order-Seen");
  if (seen && event.detail.elt.dataset.token) event.detail.elt.dataset.seen = seen;
});

// What is wrong with a field is told beside it; screen readers are told that it is.

document.addEventListener("htmx:afterSettle", () => {
  tick();
  for (const fault of document.querySelectorAll(".fault[id]")) {
    const field = document.getElementById(fault.id.replace(/-fault$/, ""));
    if (!field) continue;
    if (fault.textContent.trim()) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
  }
});

// Long amounts are written smaller, so that all of them can be seen.

document.addEventListener("input", ({ target }) => {
  if (target.matches(".amount")) target.classList.toggle("long", target.value.length > 9);
});
