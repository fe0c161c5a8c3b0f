// Runs when the badge (`element`) is there: for who signed in it says when the last backup succeeded, or that none does.
const badge = element.querySelector(".vl-backup");
const said = badge.querySelector("summary");
const why = badge.querySelector("p");

function ago(moment) {
  const minutes = Math.floor((Date.now() - new Date(moment)) / 60000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min ago`;
  return new Date(moment).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

function tell({ kept, at, minutes, sync, failing, reason, branched }) {
  badge.hidden = !kept;
  if (!kept) return;
  badge.dataset.failing = failing;
  const last = at ? `Last backup: ${ago(at)}.` : "There was no backup yet.";
  said.textContent = failing ? "Backup is failing" : at ? `Backed up ${ago(at)}` : "First backup runs";
  const promise = sync
    ? "An answer counts as stored when it lies in the backup too."
    : `An answer is on this machine's disk at once, and in the backup within ${minutes} min.`;
  const lost = branched ? ` ${branched} changes of an earlier copy of this page are in the backup and not in here.` : "";
  why.textContent = `${last} ${failing ? "Tell whoever runs this page." : promise} ${reason ?? ""}${lost}`;
}

async function look() {
  const { name } = await globalThis.vlVisitor;
  if (!name || document.hidden) return;
  const answer = await fetch("./backup");
  if (answer.ok) tell(await answer.json());
}

look().catch(() => {}); // a page that cannot reach its server says so elsewhere
setInterval(() => look().catch(() => {}), 60000);
