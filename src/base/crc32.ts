/** CRC-32 of IEEE 802.3, as in zip, gzip and PNG, eight bytes at a time ("slicing by 8"). */

const POLYNOMIAL = 0xedb88320;
const TABLES = makeTables();

/** Row k gives the remainder of a byte followed by k zero bytes: 8 rows of 256 values. */
function makeTables(): Uint32Array {
  const tables = new Uint32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let remainder = byte;
    for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? POLYNOMIAL : 0);
    tables[byte] = remainder;
  }
  for (let i = 256; i < tables.length; i++) tables[i] = (tables[i - 256] >>> 8) ^ tables[tables[i - 256] & 0xff];
  return tables;
}

/**
 * The checksum of bytes, as an unsigned 32-bit number.
 *
 * @param before the checksum of the bytes before these, to resume from.
 */
export function crc32(bytes: Uint8Array, before = 0): number {
  const T = TABLES;
  let crc = ~before;
  let i = 0;
  for (const last = bytes.length - 7; i < last; i += 8) {
    crc ^= bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24);
    crc =
      T[1792 + (crc & 0xff)] ^
      T[1536 + ((crc >>> 8) & 0xff)] ^
      T[1280 + ((crc >>> 16) & 0xff)] ^
      T[1024 + (crc >>> 24)] ^
      T[768 + bytes[i + 4]] ^
      T[512 + bytes[i + 5]] ^
      T[256 + bytes[i + 6]] ^
      T[bytes[i + 7]];
  }
  for (; i < bytes.length; i++) crc = (crc >>> 8) ^ T[(crc ^ bytes[i]) & 0xff];
  return ~crc >>> 0;
}
