// The Video page's data (`element`, `props`, `watch`, `trigger` and `upload` are Gradio's; the files video_*.js are one script).
// Here: what was read so far, as it comes from the server, and how to look things up in it by time.
const root = element.querySelector(".vv");
const find = (selector) => root.querySelector(selector);
const all = (selector) => [...root.querySelectorAll(selector)];
const book = props.book;
const indexOf = new Map(book.units.map((unit, index) => [unit.number, index]));
const unitOf = (number) => book.units[indexOf.get(number)];

let reel = null; // everything that is known of the video on the page; null before there is one

function newReel(begun) {
  return {
    ...begun,
    size: [16, 9],
    times: [], // of every picture that was looked at, in seconds
    frames: [], // its number in the video
    tracks: new Map(), // number -> { number, portrait, at: [place in times], box, outline, p: [per unit], i: [per unit], warned: Map }
    events: [],
    tables: { csv: [], openface: [], pyfeat: [], events: [begun.events_csv] },
    place: new Map(begun.units.map((number, index) => [number, index])),
    done: false,
  };
}

// One answer of the server more. The forms of faces are those of `VideoJob._face` and `ui.video_job._event`.
function addToReel(message) {
  if (message.size) reel.size = message.size;
  for (const [frame, time, faces] of message.pictures) {
    const at = reel.times.length;
    reel.times.push(time);
    reel.frames.push(frame);
    for (const [number, box, outline, p, i, warnings] of faces) {
      const track = trackOf(number);
      track.at.push(at);
      track.box.push(box);
      track.outline.push(Int16Array.from(outline));
      p.forEach((value, unit) => track.p[unit].push(value === null ? NaN : value / 1000));
      i.forEach((value, unit) => track.i[unit].push(value === null ? NaN : value / 100));
      for (const code of warnings) track.warned.set(code, (track.warned.get(code) ?? 0) + 1);
    }
  }
  for (const { track, picture } of message.tracks) trackOf(track).portrait = picture;
  for (const [track, number, onset, apex, offset, letter, peak, begun, ended] of message.events)
    reel.events.push({ track, number, onset, apex, offset, letter, peak, begun, ended });
  for (const [form, text] of Object.entries(message.tables)) if (text) reel.tables[form].push(text);
  if (message.events_csv) reel.tables.events.push(message.events_csv);
  reel.done = message.done;
}

function trackOf(number) {
  if (!reel.tracks.has(number)) {
    const perUnit = () => reel.units.map(() => []);
    reel.tracks.set(number, { number, portrait: "", at: [], box: [], outline: [], p: perUnit(), i: perUnit(), warned: new Map() });
  }
  return reel.tracks.get(number);
}

// The last place in a growing list whose value is not above the wanted one; -1 before the first.
function lastUpTo(values, wanted, valueOf = (item) => item) {
  let low = 0, high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (valueOf(values[middle]) <= wanted) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

// Place in `reel.times` of the picture that is shown at a time, and of a face in its own lists (-1: not in that picture).
// Half a picture earlier than its time counts: players and files round differently.
const pictureAt = (time) => lastUpTo(reel.times, time + reel.step_s / (2 * reel.every));
function faceAt(track, picture) {
  const place = lastUpTo(track.at, picture);
  return place >= 0 && track.at[place] === picture ? place : -1;
}

// Where a face is missing for longer than this, its curve is broken.
const longestGap = () => Math.max(0.5, 2.5 * reel.step_s);

// A peak below this looks like a flat line, whatever the threshold.
const FAINT = 0.05;

// How much there is to see of each unit: its time in events, then its largest probability as a share of its threshold;
// after all others come the units whose largest probability is faint, by that.
function mostActive(track, count) {
  const score = reel.units.map((number, unit) => {
    const seen = reel.events.filter((event) => event.track === track.number && event.number === number)
      .reduce((sum, event) => sum + event.offset - event.onset + reel.step_s, 0);
    let peak = 0;
    for (const value of track.p[unit]) if (value > peak) peak = value;
    const faint = peak < FAINT;
    return { number, seen, faint, height: faint ? peak : peak / reel.thresholds[unit] };
  });
  score.sort((a, b) => b.seen - a.seen || a.faint - b.faint || b.height - a.height);
  return score.slice(0, count).map(({ number }) => number);
}

const clock = (time) => `${Math.floor(time / 60)}:${(time % 60).toFixed(2).padStart(5, "0")}`;
const letterOf = (intensity) => "ABCDE"[Math.min(Math.floor(intensity + 0.5), 5) - 1] ?? "A";
