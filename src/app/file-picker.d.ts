/** File System Access API: missing from lib.dom, and from some browsers. */
declare function showSaveFilePicker(options: {
  suggestedName: string;
  types: { accept: Record<string, string[]> }[];
}): Promise<FileSystemFileHandle>;
