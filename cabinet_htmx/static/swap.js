// Enhances the public pages: countdowns, the next price, live order updates. The pages work
// without it.
"use strict";

const RETRY_MS = 5000;

// Countdown, measured with the page's monotonic clock from the seconds left at rendering.

const ends = new WeakMap();

function tick() {
  for (const clock of document.querySelectorAll("[data-left]")) {
    if (!ends.has(clock)) ends.set(clock, performance.now() + Number(clock.dataset.left) * 1000);
    const left = Math.max(0, Math.ceil((ends.get(clock) - performance.now()) / 1000));
    clock.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    clock.classList.toggle("short", left < 300);
  }
  countToNextPrice();
}

// The next price replaces the one shown when its countdown ends, while the page is visible.

function countToNextPrice() {
  const state = document.getElementById("shown-quote");
  const price = document.getElementById("price");
  if (!state || !price) return;
  const now = performance.now();
  if (!ends.has(state)) ends.set(state, now + Number(state.dataset.next) * 1000);
  const left = Math.max(0, Math.ceil((ends.get(state) - now) / 1000));
  const clock = state.querySelector("b");
  if (clock) clock.textContent = `0:${String(left).padStart(2, "0")}`;
  if (left > 0 || document.hidden || !window.htmx) return;
  ends.set(state, now + RETRY_MS); // until the response brings a new countdown
  htmx.trigger(price, "requote");
}
tick();
setInterval(tick, 1000);

// The order's token is sent in a header so that it does not appear in access logs.

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

// Mark fields that have an error as invalid for screen readers.

document.addEventListener("htmx:afterSettle", () => {
  tick();
  for (const error of document.querySelectorAll(".fault[id]")) {
    const field = document.getElementById(error.id.replace(/-error$/, ""));
    if (!field) continue;
    if (error.textContent.trim()) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
  }
});

// Show long amounts in a smaller font so that all digits are visible. A response does not replace an
// amount that is being typed: its own request has not been sent yet.

document.addEventListener("input", ({ target }) => {
  if (!target.matches(".amount")) return;
  target.classList.toggle("long", target.value.length > 9);
  target.dataset.edited = "";
});

document.addEventListener("htmx:beforeRequest", ({ detail }) => {
  delete detail.elt.dataset.edited;
});

document.addEventListener("htmx:oobBeforeSwap", (event) => {
  if ("edited" in event.detail.target.dataset) event.preventDefault();
});
