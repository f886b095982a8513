/**
 * Bundled: loads the files of dist/, with the code that an earlier start compiled.
 * Node's own cache keeps what is compiled while a file is loaded, which leaves out every function that is called later: a third of the work of
 * a start. Here the compiled code is taken when the work is done.
 * Takes  the name of a bundle, and what kind of start this is: what is used by one kind is no use to another.
 * Gives  what the bundle exports; `keepCode` keeps compiled code, at the end of the process or of a thread's task.
 * Owns   one file for each kind, in the folder where Node keeps compiled code, which nobody else can write to (compile-cache.mjs, or whoever set
 *        NODE_COMPILE_CACHE).
 * Never  fails for want of that file: one that is damaged, of another Node or of other bundles counts as not there.
 */
const { existsSync, readFileSync, renameSync, rmSync, writeFileSync } = process.getBuiltinModule('node:fs');
const { createRequire, getCompileCacheDir } = process.getBuiltinModule('node:module');
const { join } = process.getBuiltinModule('node:path');
const { fileURLToPath } = process.getBuiltinModule('node:url');
const { Script } = process.getBuiltinModule('node:vm');
const { crc32 } = process.getBuiltinModule('node:zlib');

/** As a bundler's CommonJS wants it, and as strict as the modules were. */
const HEAD = '(function (exports, require, module, __filename, __dirname, __url, load__) {"use strict";';
const TAIL = '\n})';
/** Compiled code is read where it lies. */
const ALIGN_BYTES = 8;

const folder = new URL('../../dist/', import.meta.url);
const folderPath = fileURLToPath(folder);
const requireOther = createRequire(folder);
/** By file. */
const modules = new Map();
/** By file: all that this thread has compiled, or found compiled. */
const scripts = new Map();
/** By file: compiled code of earlier starts. */
let kept = new Map();
/** Whether all of that is from a start that did its work to the end. */
let isWhole = false;
/** Whether something was compiled that is not kept. */
let isNew = false;
/** @type {string | null} Where it is kept; null before the first bundle, and where nothing is kept. */
let path = null;

/**
 * @param {string} name Of a file in dist/. @param {string} kind Of start: a word for a file's name.
 * @returns {Record<string, unknown>} What it exports. @throws Where a file is missing or cannot be parsed.
 */
export function bundled(name, kind) {
  if (modules.size === 0) {
    const cache = getCompileCacheDir();
    if (cache !== undefined) {
      // What else compiled code depends on, version and flags, is in the name of the folder.
      path = join(cache, `${kind}-${crc32(folder.href)}.code`);
      readCode();
    }
  }
  return load(name);
}

/**
 * Keeps what was compiled, if that is worth it.
 * @param {boolean} isDone Whether this start did its work to the end: another one will not compile much more.
 */
export function keepCode(isDone) {
  if (path === null || !(isNew || (isDone && !isWhole))) return;
  isNew = false;
  isWhole ||= isDone;
  try {
    for (const [name, script] of scripts) kept.set(name, script.createCachedData());
    writeCode();
  } catch {
    path = null; // a full or read-only disk: the next start is slower, and that is all
  }
}

function load(name) {
  const found = modules.get(name);
  if (found !== undefined) return found.exports;
  // Names of bundles are plain: to make a URL of each, and a path of that again, took as long as reading it.
  const [file, href] = [folderPath + name, folder.href + name];
  const cachedData = kept.get(name);
  kept.delete(name); // `scripts` has it from here on
  // In columns of the file itself: a map of its lines has the first one as it is there.
  const options = { filename: href, columnOffset: -HEAD.length, cachedData };
  const script = new Script(`${HEAD}${read(file)}${TAIL}`, options);
  if (cachedData === undefined || script.cachedDataRejected) isNew = true;
  scripts.set(name, script);
  const module = { exports: {} };
  modules.set(name, module);
  script.runInThisContext()(module.exports, require, module, file, folderPath, href, importOther);
  return module.exports;
}

/** Bundles are ASCII (.ci/packaging/bundle.ts), which is read at a third of the cost of UTF-8. */
function read(file) {
  try {
    return readFileSync(file, 'latin1');
  } catch (error) {
    throw Object.assign(new Error(`Cannot find ${file}: ${error.message}`), { code: 'MODULE_NOT_FOUND' });
  }
}

function require(id) {
  return id.startsWith('./') ? load(id.slice(2)) : requireOther(id);
}

/** Of Node's modules the whole namespace would load parts that are loaded only when they are asked for. */
function importOther(id) {
  const builtin = process.getBuiltinModule(String(id));
  return builtin === undefined ? import(id) : Promise.resolve(builtin);
}

/*
 * The file: checksum of the rest; bytes of the table; the table, which is JSON: whether the code is whole, and for each file its name and where
 * its code lies; code.
 */
const FIXED_BYTES = 8;

function readCode() {
  try {
    const bytes = readFileSync(path);
    if (crc32(bytes.subarray(4)) !== bytes.readUInt32LE(0)) return;
    const begin = FIXED_BYTES + bytes.readUInt32LE(4);
    const table = JSON.parse(bytes.toString('latin1', FIXED_BYTES, begin));
    isWhole = table.isWhole;
    kept = new Map(table.files.map(([name, from, to]) => [name, copyOf(bytes, begin + from, begin + to)]));
  } catch {
    // The first start of its kind.
  }
}

/** In memory of its own, which is free again when the code has been taken: the file is megabytes, and most of it is taken at the start. */
function copyOf(bytes, from, to) {
  const copy = Buffer.allocUnsafeSlow(to - from);
  bytes.copy(copy, 0, from, to);
  return copy;
}

function writeCode() {
  let end = 0;
  const parts = [];
  // Bundles of an earlier build have gone, and their code with them.
  const there = [...kept].filter(([name]) => existsSync(folderPath + name));
  const files = there.map(([name, code]) => {
    const from = end;
    const gapBytes = (ALIGN_BYTES - (code.length % ALIGN_BYTES)) % ALIGN_BYTES;
    parts.push(code, Buffer.alloc(gapBytes));
    end += code.length + gapBytes;
    return [name, from, from + code.length];
  });
  const table = JSON.stringify({ isWhole, files });
  const padded = table.padEnd(Math.ceil(table.length / ALIGN_BYTES) * ALIGN_BYTES);
  const fixed = Buffer.alloc(FIXED_BYTES);
  fixed.writeUInt32LE(padded.length, 4);
  const bytes = Buffer.concat([fixed, Buffer.from(padded, 'latin1'), ...parts]);
  bytes.writeUInt32LE(crc32(bytes.subarray(4)));
  // Whole or not at all: another process may read it now, or write the same.
  const unfinished = `${path}.${process.pid}`;
  try {
    writeFileSync(unfinished, bytes, { mode: 0o600, flag: 'wx' });
    renameSync(unfinished, path);
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw error;
  }
}
