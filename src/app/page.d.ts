import 'react';

declare module 'react' {
  interface CSSProperties {
    /** Strength of a tint, in percent. */
    '--share'?: string;
    /** Colour of a series. */
    '--series'?: string;
    /** Of a cell in the map of ranks, in percent: tint by the rank added, tint by the room left, share held. */
    '--added'?: string;
    '--room'?: string;
    '--held'?: string;
    /** Of the map of ranks: number of rounds, letters of the longest name. */
    '--rounds'?: number;
    '--letters'?: number;
    /** Of the matrix of accuracies: number of columns. */
    '--columns'?: number;
    /** Of a taught model: how many it descends from. */
    '--depth'?: number;
  }
}

declare global {
  /** Version from package.json, inserted by vite.config.ts. */
  const __APP_VERSION__: string;
  /** Short hash of the built commit, or `unknown`. */
  const __APP_COMMIT__: string;

  /** File System Access API: missing from lib.dom, and from some browsers. */
  function showSaveFilePicker(options: {
    suggestedName: string;
    types: { accept: Record<string, string[]> }[];
  }): Promise<FileSystemFileHandle>;
  function showOpenFilePicker(options: { multiple: boolean }): Promise<FileSystemFileHandle[]>;
  interface FileSystemHandle {
    queryPermission(of: { mode: 'read' }): Promise<PermissionState>;
    /** Asks the person; only while a click is handled. */
    requestPermission(of: { mode: 'read' }): Promise<PermissionState>;
  }
}
