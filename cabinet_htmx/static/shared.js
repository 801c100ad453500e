// Enhances pages with forms: copy buttons, and buttons that show progress. The pages work without it.
"use strict";

document.documentElement.classList.add("scripted");

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  let copied = false;
  try {
    await navigator.clipboard.writeText(source.textContent.trim());
    copied = true;
  } catch {
    getSelection().selectAllChildren(source); // so that the user can copy the selection
  }
  button.textContent = copied ? "Copied" : "Selected";
  announce(copied ? "Copied" : "Selected. Press Ctrl+C or ⌘C to copy.");
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
});

function announce(text) {
  const region = document.getElementById("announced");
  if (region) region.textContent = text;
}

// A response must not move what is being pressed: the click would miss it. Responses that arrive
// while the pointer is down are dropped and requested again when it is released.

const dropped = new Map();
let pressed = false;

document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (!pressed) return;
  detail.shouldSwap = false;
  const { elt, verb, path } = detail.requestConfig;
  dropped.set(elt, [verb, path]);
});

function release() {
  pressed = false;
  setTimeout(() => { // after the click itself
    for (const [elt, [verb, path]] of dropped) {
      if (elt.isConnected) htmx.ajax(verb, path, { source: elt });
    }
    dropped.clear();
  });
}

addEventListener("pointerdown", () => { pressed = true; }, true);
for (const end of ["pointerup", "pointercancel", "blur"]) addEventListener(end, release);

// Ignore further clicks on a button whose form is already being submitted.

document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!button || !button.dataset.busy) return;
  if (button.getAttribute("aria-disabled")) {
    event.preventDefault();
    return;
  }
  button.dataset.idle = button.textContent;
  button.textContent = button.dataset.busy;
  button.setAttribute("aria-disabled", "true");
});

addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("[data-idle]")) {
    button.textContent = button.dataset.idle;
    button.removeAttribute("aria-disabled");
    delete button.dataset.idle;
  }
});
