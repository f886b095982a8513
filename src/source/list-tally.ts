/** List tally: what a listing gave and what it left out, and why. Owns the counts. */

/** `listed` counts what the listing gave. */
export interface ListTally {
  /** Objects given to the run. */
  listed: number;
  listedBytes: number;
  /** Left out by include, exclude, startAfter or the times, or by the SOURCEs beside an inventory. */
  filtered: number;
  /** Empty objects whose key ends with `/`. */
  directoryMarkers: number;
  /** Other objects of no bytes. */
  empty: number;
  /** In a storage class that must be restored first. */
  archived: number;
  archivedBytes: number;
  duplicates: number;
}

export function newListTally(): ListTally {
  return {
    listed: 0,
    listedBytes: 0,
    filtered: 0,
    directoryMarkers: 0,
    empty: 0,
    archived: 0,
    archivedBytes: 0,
    duplicates: 0,
  };
}
