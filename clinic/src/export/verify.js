"use strict";
const TEXTS = {
  fr: {
    good: "✓ conforme", changed: "✗ modifié", missing: "✗ absent", extra: "✗ non prévu par la liste",
    all: "✓ Tous les fichiers sont conformes à la liste.", some: "✗ Des fichiers ne sont pas conformes.",
    none: "✗ La liste manifest.json est absente ou illisible.", print: "Empreinte SHA-256 de la liste : ",
    other: "English", title: "Vérifier le dossier",
  },
  en: {
    good: "✓ unchanged", changed: "✗ changed", missing: "✗ missing", extra: "✗ not in the list",
    all: "✓ All files are as the list says.", some: "✗ Some files are not as the list says.",
    none: "✗ The list manifest.json is missing or unreadable.", print: "SHA-256 of the list: ",
    other: "Français", title: "Verify the file",
  },
};
let language = navigator.language.startsWith("en") ? "en" : "fr";
let last = null;

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

async function sha256(bytes) {
  return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
}

// The ZIP stores its files as they are: the list at its end says where each begins.
function unzip(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let end = bytes.length - 22;
  while (end >= 0 && view.getUint32(end, true) !== 0x06054b50) end -= 1;
  if (end < 0) return null;
  const files = new Map();
  let at = view.getUint32(end + 16, true);
  for (let left = view.getUint16(end + 10, true); left > 0; left -= 1) {
    const size = view.getUint32(at + 20, true);
    const name = view.getUint16(at + 28, true);
    const more = view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
    const local = view.getUint32(at + 42, true);
    const path = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + name));
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    if (view.getUint16(at + 10, true) !== 0) return null;
    files.set(path, bytes.subarray(start, start + size));
    at += 46 + name + more;
  }
  return files;
}

async function read(list) {
  const files = new Map();
  for (const file of list) {
    const bytes = new Uint8Array(await file.arrayBuffer());
    const inner = /\.zip$/i.test(file.name) ? unzip(bytes) : null;
    if (inner) for (const [path, content] of inner) files.set(path, content);
    else files.set(file.name, bytes);
  }
  return files;
}

async function check(list) {
  const files = await read(list);
  let manifest = null;
  const listed = files.get("manifest.json");
  try {
    manifest = JSON.parse(new TextDecoder().decode(listed));
  } catch {
    return { rows: [], good: false, print: null };
  }
  const rows = [];
  // Chosen one by one, files come without their folder.
  const find = (path) => (files.has(path) ? path : path.split("/").pop());
  const seen = new Set(["manifest.json"]);
  for (const entry of manifest.files) {
    const path = find(entry.path);
    const bytes = files.get(path);
    seen.add(path);
    const state = !bytes ? "missing" : (await sha256(bytes)) === entry.sha256 ? "good" : "changed";
    rows.push({ path: entry.path, state });
  }
  for (const path of files.keys()) if (!seen.has(path)) rows.push({ path, state: "extra" });
  return { rows, good: rows.every((row) => row.state === "good"), print: await sha256(listed) };
}

function show() {
  const texts = TEXTS[language];
  document.documentElement.lang = language;
  document.title = texts.title;
  for (const element of document.querySelectorAll("[data-fr]")) element.textContent = element.dataset[language];
  const button = document.getElementById("language");
  button.textContent = texts.other;
  button.lang = language === "fr" ? "en" : "fr";
  if (!last) return;
  const verdict = document.getElementById("verdict");
  verdict.textContent = last.print === null ? texts.none : last.good ? texts.all : texts.some;
  verdict.className = last.good ? "good" : "bad";
  document.getElementById("print").textContent = last.print === null ? "" : texts.print + last.print;
  const table = document.getElementById("result");
  table.hidden = last.rows.length === 0;
  table.tBodies[0].replaceChildren(...last.rows.map((row) => {
    const line = document.createElement("tr");
    const name = document.createElement("td");
    name.textContent = row.path;
    const state = document.createElement("td");
    state.textContent = texts[row.state];
    state.className = row.state === "good" ? "good" : "bad";
    line.append(name, state);
    return line;
  }));
}

document.getElementById("files").addEventListener("change", async (event) => {
  last = await check(event.target.files);
  show();
});
document.getElementById("language").addEventListener("click", () => {
  language = language === "fr" ? "en" : "fr";
  show();
});
show();
