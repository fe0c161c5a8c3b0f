// The part of a page's script that Review and Training share: one message at a time, and the reply is the page from then
// on (`server` is Gradio's). The page's own parts say what `root`, `body`, `page`, `place`, `show` and `NO_CONNECTION` are.
let sending = false;

async function send(message) {
  if (sending) return null;
  sending = true;
  root.setAttribute("aria-busy", "true");
  let reply = null;
  try { reply = await server.act(message); } catch { /* told below */ }
  sending = false;
  root.removeAttribute("aria-busy");
  if (reply?.html !== undefined) show(reply.html);
  else notice(reply?.message ?? NO_CONNECTION);
  return reply;
}

function notice(text) {
  const line = root.querySelector(":scope > [role=alert]");
  line.hidden = !text;
  line.textContent = text;
  if (text) line.scrollIntoView({ block: "nearest" });
}

// ---- where one is stands in the address, behind the #

const there = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));

function keepPlace() {
  const known = Object.entries(place()).filter(([, value]) => value);
  // not "#..." alone: Gradio's page has a base, and that would lead there
  history.replaceState(history.state, "", `${location.pathname}${location.search}#${new URLSearchParams(known)}`);
}

// ---- dialogs

const ask = (name) => body.querySelector(`[data-dialog=${name}]`).showModal();
const closeDialogs = () => root.querySelectorAll("dialog[open]").forEach((dialog) => dialog.close());
