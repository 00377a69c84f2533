import { joined } from '../base/pieces.ts';
import type { OutputFile } from '../weights/exports/output-file.ts';
import { type ByteFile, byteFile } from '../weights/model-files.ts';

/** Collects the bytes of a file that is written piece by piece. */
export const bytesOfFile = ({ content }: OutputFile): Promise<Uint8Array<ArrayBuffer>> => joined(content());

/** A file in memory that is read in parts. */
export const memoryFile = (name: string, bytes: Uint8Array<ArrayBuffer>): ByteFile => byteFile(name, new Blob([bytes]));
