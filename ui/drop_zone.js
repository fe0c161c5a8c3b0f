// Runs when the drop zone's gr.HTML is put on the page (`element`), again after each result.
// Sends one photo (chosen, dropped, pasted or from the camera) and triggers "photo" with where it lies.
const zone = element.querySelector(".vl-drop");
const input = zone.querySelector("input");
const camera = zone.querySelector(".vl-camera");
const video = zone.querySelector("video");

async function send(file) {
  if (!file || zone.dataset.state) return;
  say("");
  if (file.size > zone.dataset.maxBytes) {
    input.value = "";
    return say(`The photo file is larger than ${zone.dataset.maxBytes / 1e6} MB. Save it smaller, for example as JPEG.`);
  }
  zone.dataset.state = "sending";
  try {
    // The server keeps equal files under equal names, and removes each when it has been read: let no two be equal.
    const { path } = await upload(new File([file], `${crypto.getRandomValues(new Uint32Array(4)).join("")}.photo`, file));
    zone.dataset.state = "reading";
    globalThis.vlPhoto = file; // for keep.js, which sends it again when somebody wants it kept
    trigger("photo", { path, name: file.name });
  } catch {
    delete zone.dataset.state; // Gradio has said why
  }
  input.value = "";
}

function say(text) {
  zone.querySelector(".vl-status").textContent = text;
}

const photoAmong = (files) => [...files].find((file) => !file.type || file.type.startsWith("image/"));

input.addEventListener("change", () => send(input.files[0]));

// A photo may be dropped or pasted anywhere on the page, as long as this zone is on it.
const anywhere = {
  paste: ({ clipboardData }) => send(photoAmong(clipboardData.files)),
  dragover: (event) => { event.preventDefault(); zone.classList.add("vl-over"); },
  dragleave: () => zone.classList.remove("vl-over"),
  drop: (event) => {
    event.preventDefault();
    zone.classList.remove("vl-over");
    const photo = photoAmong(event.dataTransfer.files);
    if (photo) send(photo);
    else say("That is not a picture. Drop a photo.");
  },
};
for (const [name, action] of Object.entries(anywhere)) {
  const listener = (event) => (element.isConnected ? action(event) : document.removeEventListener(name, listener));
  document.addEventListener(name, listener);
}

async function pasteFromClipboard() {
  try {
    for (const item of await navigator.clipboard.read()) {
      const type = item.types.find((name) => name.startsWith("image/"));
      if (type) return send(new File([await item.getType(type)], "pasted.png", { type }));
    }
    say("There is no picture on the clipboard. Copy one first.");
  } catch {
    say("The browser does not let this page read the clipboard. Press Ctrl+V instead.");
  }
}

async function openCamera() {
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user", width: { ideal: 1280 } } });
    await video.play();
    camera.hidden = false;
    camera.querySelector("[data-do=shoot]").focus();
  } catch {
    say("No camera could be opened. Allow this page to use it, or choose a file.");
  }
}

function closeCamera() {
  video.srcObject?.getTracks().forEach((track) => track.stop());
  video.srcObject = null;
  camera.hidden = true;
}

// Seen like in a mirror, sent as it is: the sentences say left and right.
function shoot() {
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d").drawImage(video, 0, 0);
  closeCamera();
  canvas.toBlob((blob) => send(new File([blob], "camera.jpg", { type: blob.type })), "image/jpeg", 0.95);
}

const actions = { choose: () => input.click(), camera: openCamera, paste: pasteFromClipboard, shoot, close: closeCamera };
zone.addEventListener("click", ({ target }) => {
  say("");
  actions[target.closest("[data-do]")?.dataset.do]?.();
});
