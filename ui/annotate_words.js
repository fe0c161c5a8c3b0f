// Part of the Annotate page's script (ui/annotate.py joins the parts into one function; `element`, `server` are Gradio's).
// The sentences that fit marks, looked up in the book that Python wrote with vlfau.sentences.
const root = element.querySelector(".va");
const book = JSON.parse(root.dataset.book);
const NUMBERS = Object.keys(book.units).map(Number); // rising, as in Python's table

// mark: { occurrence, intensity, side, text }, each of them null when nothing is said
function sentence(number, mark) {
  const words = book.units[number];
  if (mark.occurrence === "absent") return words.absent;
  if (mark.occurrence !== "present") return null;
  return words.present[mark.side ?? "both"][mark.intensity ?? 0];
}

// One sentence that names these action units and no other: a Map number -> side
function describeFace(sides) {
  const left = new Map(NUMBERS.filter((number) => sides.has(number)).map((number) => [number, sides.get(number)]));
  const clauses = [];
  for (const [numbers, wording] of book.blends) {
    if (!numbers.every((number) => left.get(number) === "both")) continue;
    clauses.push(wording);
    numbers.forEach((number) => left.delete(number));
  }
  for (const [number, side] of left) {
    const [alone] = book.units[number].present[side];
    clauses.push(alone[0].toLowerCase() + alone.slice(1, -1));
  }
  if (!clauses.length) clauses.push(book.nothing);
  const last = clauses.pop();
  const joined = clauses.length ? `${clauses.join(", ")}${clauses.length > 1 ? "," : ""} and ${last}` : last;
  return `${joined[0].toUpperCase()}${joined.slice(1)}.`;
}
