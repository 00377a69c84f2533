import styles from './ui.module.css';

interface Props {
  label: string;
  /** Between 0 and 1. */
  share: number;
  /** What a screen reader says instead of the percentage. */
  text?: string;
  isThin?: boolean;
}

/** A bar that is filled up to a share. */
export function ProgressBar({ label, share, text, isThin = false }: Props) {
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(100 * share)}
      aria-valuetext={text}
    >
      <Filled share={share} isThin={isThin} />
    </div>
  );
}

/** The drawing of a share between 0 and 1, for what says it in words as well. */
export function Filled({ share, isThin = false }: { share: number; isThin?: boolean }) {
  return (
    <span className={styles.groove} data-thin={isThin}>
      <span className={styles.fill} style={{ width: `${100 * share}%` }} />
    </span>
  );
}
