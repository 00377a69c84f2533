import 'react';

declare module 'react' {
  interface CSSProperties {
    /** Strength of a tint, in percent. */
    '--share'?: string;
    /** Colour of a series. */
    '--series'?: string;
  }
}
