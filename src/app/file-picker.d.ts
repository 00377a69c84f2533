/** File System Access API, which not every browser has and lib.dom lacks. */
declare function showSaveFilePicker(options: {
  suggestedName: string;
  types: { accept: Record<string, string[]> }[];
}): Promise<FileSystemFileHandle>;
