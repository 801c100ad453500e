// What makes all pages with forms nicer: copy buttons, and buttons that show that they work. Everything
// works without it.
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
    getSelection().selectAllChildren(source); // for the keyboard's or the menu's copy
  }
  button.textContent = copied ? "Copied" : "Selected";
  tell(copied ? "Copied" : "Selected: copy it now");
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
});

function tell(text) {
  const place = document.getElementById("announced");
  if (place) place.textContent = text;
}

// A second click on a button that has begun its work does nothing.

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
