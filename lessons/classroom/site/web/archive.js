// The learner's folder as a zip, out of the page and into it.
import {strFromU8, strToU8, unzipSync, zipSync} from "fflate";
import {NAME} from "./store.js";

const FILES = 200, BYTES = 5e6; // of one zip: a whole course's work has a tenth of it

export function pack(files) {
  const flat = Object.entries(files).filter(([name]) => NAME.test(name));
  return zipSync(Object.fromEntries(flat.map(([name, text]) => [name, strToU8(text)])));
}

/** {files: {name: text}, left: [names that are not taken]} of a zip, a File. Throws an Error with a sentence. */
export async function unpack(zip) {
  if (zip.size > BYTES) throw new Error("This file has more than 5 MB, and no work of this course has: is it another one?");
  const bytes = new Uint8Array(await zip.arrayBuffer());
  let count = 0, size = 0;
  const left = [];
  let found;
  try {
    found = unzipSync(bytes, {
      filter(entry) {
        if (entry.name.endsWith("/")) return false;
        const taken = NAME.test(entry.name.replace(/^work\//, ""));
        if (!taken) left.push(entry.name);
        count += 1;
        size += taken ? entry.originalSize : 0;
        if (count > FILES) throw new RangeError(`This zip has more than ${FILES} files: is it another one?`);
        if (size > BYTES) throw new RangeError("This zip unpacks to more than 5 MB, and no work of this course does.");
        return taken;
      },
    });
  } catch (error) {
    throw error instanceof RangeError && /zip/.test(error.message) ? error : new Error(`This file cannot be read as a zip (${error.message}).`);
  }
  const files = {};
  for (const [name, data] of Object.entries(found)) files[name.replace(/^work\//, "")] = strFromU8(data).replace(/\r\n/g, "\n");
  return {files, left};
}
