/**
 * Watch pages: writes down how often a command lets go of pages of Node's file, and how many bytes. Loaded into a command with `--import`.
 * Takes  WATCH_PAGES_FILE, which gets a line of bytes for each time.
 */
import { appendFileSync } from 'node:fs';

const open = process.dlopen;
process.dlopen = (module, ...rest) => {
  open.call(process, module, ...rest);
  const { letGoOfFilePages } = module.exports;
  if (letGoOfFilePages === undefined) return;
  module.exports.letGoOfFilePages = () => {
    const bytes = letGoOfFilePages();
    appendFileSync(process.env.WATCH_PAGES_FILE, `${bytes}\n`);
    return bytes;
  };
};
