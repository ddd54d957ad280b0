'use strict';
// Reads a cdb that is replaced by renaming another file into its place: at each look-up it looks whether that has
// happened. It reads from the file, and keeps nothing of it in memory.
const fs = require('node:fs');

const HEADER = 2048;

/** Another file, or the same one changed, has another mark. */
const markOf = (stat) => [stat.dev, stat.ino, stat.size, stat.mtimeMs].join(' ');

class Cdb {
  #file;
  #fd = null;
  #mark = '';
  #size = 0;

  constructor(file) {
    this.#file = file;
  }

  /**
   * @param {string} key
   * @returns {string | null} its value, null where there is none
   * @throws where the file is missing or damaged: that is not the same as a key that is not there
   */
  get(key) {
    this.#open();
    const bytes = Buffer.from(key);
    let hash = 5381;
    for (const c of bytes) hash = (((hash << 5) + hash) ^ c) >>> 0;
    const head = this.#read((hash & 255) * 8, 8);
    const [table, slots] = [head.readUInt32LE(0), head.readUInt32LE(4)];
    // Even an empty table has its place behind the header: zeros are what a power cut leaves.
    if (table < HEADER || table + slots * 8 > this.#size) throw new Error(`${this.#file} is damaged`);
    for (let i = 0; i < slots; i++) {
      const slot = this.#read(table + (((hash >>> 8) + i) % slots) * 8, 8);
      const position = slot.readUInt32LE(4);
      if (position === 0) return null;
      if (slot.readUInt32LE(0) !== hash) continue;
      const lengths = this.#read(position, 8);
      const [keyLength, valueLength] = [lengths.readUInt32LE(0), lengths.readUInt32LE(4)];
      if (keyLength !== bytes.length) continue;
      if (this.#read(position + 8, keyLength).equals(bytes)) {
        return this.#read(position + 8 + keyLength, valueLength).toString();
      }
    }
    return null;
  }

  has(key) {
    return this.get(key) !== null;
  }

  #open() {
    let found;
    try {
      found = fs.statSync(this.#file);
    } catch (error) {
      this.close();
      throw error;
    }
    const mark = markOf(found);
    if (this.#fd !== null && mark === this.#mark) return;
    this.close();
    this.#fd = fs.openSync(this.#file, 'r');
    const opened = fs.fstatSync(this.#fd);
    this.#mark = markOf(opened);
    this.#size = opened.size;
    if (opened.size < HEADER) throw new Error(`${this.#file} is cut short`);
  }

  #read(position, length) {
    if (position + length > this.#size) throw new Error(`${this.#file} is damaged`);
    const bytes = Buffer.alloc(length);
    if (fs.readSync(this.#fd, bytes, 0, length, position) !== length) throw new Error(`${this.#file} is cut short`);
    return bytes;
  }

  close() {
    if (this.#fd !== null) fs.closeSync(this.#fd);
    this.#fd = null;
    this.#mark = '';
  }
}

module.exports = { Cdb };
