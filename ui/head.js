// Runs when the head of a page (`element`) is there: asks who is signed in, says so, and shows the pages for reviewers.
// It only decides what is shown. The server asks the session itself, for each request.
const who = element.querySelector(".vl-who");

// One question for all scripts of a page: a promise of { name, role, language }, name is null when nobody is signed in.
globalThis.vlVisitor ??= fetch("./account/me").then((answer) => answer.json());

globalThis.vlVisitor
  .then(({ name, role }) => {
    who.textContent = name ?? "Sign in";
    who.title = name ? `Signed in as ${name}, ${role}` : "";
    const reviews = role === "reviewer" || role === "admin";
    element.querySelectorAll("[data-role=reviewer]").forEach((link) => { link.hidden = !reviews; });
  })
  .catch(() => {}); // the page says so itself as soon as something is asked of the server
