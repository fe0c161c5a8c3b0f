// Runs when the form under a result is put on the page (`element`). The photo is only in this browser: it is sent again
// when somebody keeps it.
const photo = globalThis.vlPhoto;

function dress() {
  const section = element.querySelector(".vl-keep");
  if (!section || section.classList.contains("vl-kept")) return;
  globalThis.vlVisitor.then(({ name }) => name, () => null).then((name) => {
    section.querySelector("details").hidden = !name;
    section.querySelector(".vl-keep-nobody").hidden = Boolean(name);
  });
}

element.addEventListener("submit", async (event) => {
  event.preventDefault();
  const section = element.querySelector(".vl-keep");
  if (!photo || section.hasAttribute("aria-busy")) return;
  const fields = new FormData(event.target);
  section.setAttribute("aria-busy", "true");
  try {
    // a name of its own, as in the drop zone
    const { path } = await upload(new File([photo], `${crypto.getRandomValues(new Uint32Array(4)).join("")}.photo`, photo));
    trigger("keep", {
      path,
      scope: fields.get("scope"),
      code: fields.get("code"),
      project: fields.get("project"),
      agreed: fields.get("agreed") === "yes",
    });
  } catch {
    section.removeAttribute("aria-busy"); // Gradio has said why
  }
});

element.addEventListener("click", async ({ target }) => {
  const { code } = target.dataset;
  if (!code) return;
  const told = element.querySelector(".vl-taken-out");
  target.disabled = true;
  try {
    const headers = { "Content-Type": "application/json" };
    const answer = await fetch("./account/withdraw", { method: "POST", headers, body: JSON.stringify({ code }) });
    told.textContent = (await answer.json()).message;
    target.disabled = answer.ok;
  } catch {
    told.textContent = "The server does not answer. Nothing was changed. Check the connection and try again.";
    target.disabled = false;
  }
});

watch("value", dress);
dress();
