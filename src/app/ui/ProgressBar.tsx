import styles from './ProgressBar.module.css';

/** A bar that is filled up to a share between 0 and 1. @param text what a screen reader says instead of the percentage. */
export function ProgressBar(props: { label: string; share: number; text?: string; className?: string | undefined }) {
  const { label, share, text, className = '' } = props;
  return (
    <div
      className={`${styles.groove} ${className}`}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(100 * share)}
      aria-valuetext={text}
    >
      <div className={styles.fill} style={{ width: `${100 * share}%` }} />
    </div>
  );
}
