// <form data-passkey="add|show|sign_in" data-ask="address" data-trouble="words" hidden>: its button asks the browser for a
// passkey, puts the answer into the field `credential` and sends the form. Without a script, or where the browser has no
// passkeys, it stays hidden.

const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

async function ask(form) {
  const body = new URLSearchParams({
    for: form.dataset.passkey,
    csrfmiddlewaretoken: form.elements.csrfmiddlewaretoken.value,
  });
  const answer = await fetch(form.dataset.ask, { method: "POST", body, redirect: "error" });
  if (!answer.ok) throw new Error(`asked in vain: ${answer.status}`);
  const { publicKey } = await answer.json();
  publicKey.challenge = bytes(publicKey.challenge);
  for (const list of [publicKey.excludeCredentials, publicKey.allowCredentials])
    for (const one of list ?? []) one.id = bytes(one.id);
  if (form.dataset.passkey !== "add") return navigator.credentials.get({ publicKey });
  publicKey.user.id = bytes(publicKey.user.id);
  return navigator.credentials.create({ publicKey });
}

function told(credential) {
  const { response } = credential;
  const parts = { clientDataJSON: text(response.clientDataJSON) };
  for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"])
    if (response[name]) parts[name] = text(response[name]);
  return JSON.stringify({ id: credential.id, rawId: text(credential.rawId), type: credential.type, response: parts });
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  form.hidden = !window.PublicKeyCredential;
  for (const without of document.querySelectorAll("[data-no-passkey]")) without.hidden = !form.hidden;
  const trouble = form.querySelector("[role=alert]");
  // Before submit-once.js hears of it: the form is sent by `submit()`, which tells nobody.
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("[type=submit]");
    if (button.disabled || !form.reportValidity()) return;
    button.disabled = true;
    trouble.hidden = true;
    try {
      form.elements.credential.value = told(await ask(form));
      form.submit();
    } catch (error) {
      trouble.textContent = form.dataset.trouble;
      trouble.hidden = false;
      button.disabled = false;
    }
  });
}
