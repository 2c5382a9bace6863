// The learner's folder in this browser: IndexedDB holds the text of each file of work/ by its name.
export const NAME = /^(\d\d_\w+(\.backup-\d+)?\.py|progress(\.backup-\d+)?\.txt)$/;

const request = (r) => new Promise((done, failed) => {
  r.onsuccess = () => done(r.result);
  r.onerror = () => failed(r.error);
});

let opened;
function open() {
  opened ??= new Promise((done, failed) => {
    const r = indexedDB.open("minivit", 1);
    r.onupgradeneeded = () => r.result.createObjectStore("work");
    r.onsuccess = () => done(r.result);
    r.onerror = () => failed(r.error);
  });
  return opened;
}

async function inside(mode, work) {
  const transaction = (await open()).transaction("work", mode);
  const ended = new Promise((done, failed) => {
    transaction.oncomplete = done;
    transaction.onabort = () => failed(transaction.error);
  });
  const result = await work(transaction.objectStore("work"));
  if (mode === "readwrite") await ended;
  return result;
}

export const read = (name) => inside("readonly", (store) => request(store.get(name)));

/** {name: text} of all files. */
export const all = () => inside("readonly", async (store) => {
  const [names, texts] = await Promise.all([request(store.getAllKeys()), request(store.getAll())]);
  return Object.fromEntries(names.map((name, i) => [name, texts[i]]));
});

/** Writes these files, all of them or none. It commits at once, since a page that is being left gets no event any more. */
export const write = (files) => inside("readwrite", async (store) => {
  for (const [name, text] of Object.entries(files)) store.put(text, name);
  store.transaction.commit();
});

/** Asks the browser to keep them when room gets short. It may say no without asking anybody. */
export const keep = () => navigator.storage?.persist?.().catch(() => {});

/** Why something could not be kept, in a sentence. */
export function reason(error) {
  if (error?.name === "QuotaExceededError")
    return "This browser has no room left, and the last change is NOT kept. Copy it out of this page now, then make room.";
  return `This browser cannot keep your work (${error?.message ?? error}). Copy it out of this page before you close it.`;
}

/** A free name for a copy of a file: 05_gelu.py, 05_gelu.backup-1.py, … */
export function backup(name, files) {
  const [, stem, kind] = /^(\w+)(?:\.backup-\d+)?(\.\w+)$/.exec(name);
  let number = 1;
  while (`${stem}.backup-${number}${kind}` in files) number += 1;
  return `${stem}.backup-${number}${kind}`;
}

/** {number: {status, done, total}} out of progress.txt. */
export function progress(text = "") {
  const lines = [...text.matchAll(/^(\d\d) (started|passed|skipped) (\d+) of (\d+)/gm)];
  return Object.fromEntries(lines.map(([, number, status, done, total]) => [number, {status, done: +done, total: +total}]));
}
