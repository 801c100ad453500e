// Creates and uses passkeys. A form names what to do (data-passkey) and where the options are
// (data-options); the browser's response becomes a field of the form, which is then submitted.
"use strict";

const FAILED = {
  InvalidStateError: "This device already has a passkey for your account.",
  NotAllowedError: "The passkey was not used: the request was canceled or timed out.",
  SecurityError: "Passkeys don't work at this address. Open the page at the address of this service.",
};

function decoded(text) {
  const base64 = text.replaceAll("-", "+").replaceAll("_", "/");
  return Uint8Array.from(atob(base64), (one) => one.charCodeAt(0));
}

function encoded(buffer) {
  const base64 = btoa(String.fromCharCode(...new Uint8Array(buffer)));
  return base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

async function optionsOf(form) {
  const body = new URLSearchParams({ form_token: form.elements.form_token.value });
  const response = await fetch(form.dataset.options, { method: "POST", body, redirect: "error" });
  if (!response.ok) throw new Error(`status ${response.status}`);
  const options = await response.json();
  options.challenge = decoded(options.challenge);
  if (options.user) options.user.id = decoded(options.user.id);
  for (const name of ["allowCredentials", "excludeCredentials"]) {
    for (const one of options[name] || []) one.id = decoded(one.id);
  }
  return options;
}

async function responseOf(form) {
  const publicKey = await optionsOf(form);
  const credential = form.dataset.passkey === "create"
    ? await navigator.credentials.create({ publicKey })
    : await navigator.credentials.get({ publicKey });
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature"]) {
    if (credential.response[name]) response[name] = encoded(credential.response[name]);
  }
  return JSON.stringify({
    id: credential.id, rawId: encoded(credential.rawId), type: credential.type, response,
  });
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.dataset.passkey) return;
  event.preventDefault();
  const error = form.querySelector("[data-passkey-error]");
  const button = form.querySelector("button[type=submit]");
  error.hidden = true;
  button.disabled = true;
  try {
    form.querySelector("[name$=response]").value = await responseOf(form);
    form.submit();
  } catch (reason) {
    error.textContent = FAILED[reason.name] || "The passkey could not be used. Reload the page and try again.";
    error.hidden = false;
    button.disabled = false;
  }
});
