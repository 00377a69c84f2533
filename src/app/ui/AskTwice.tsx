import { useState } from 'react';

interface Props {
  verb: 'Remove' | 'Forget' | 'End';
  /** The object of the verb, for those who do not see where the button stands: `the model of the run`. */
  of: string;
  /** The part of it that the label shows, if it is more than the verb. */
  what?: string;
  /** Whether it shows that only once it is asked. */
  isShort?: boolean;
  /** `act` for its buttons in a row of a table or list. */
  className?: 'act';
  isDisabled?: boolean;
  testId?: string;
  act: () => void;
}

/**
 * A button that removes what cannot be made again, once a second button confirms it: neither a slip nor a double click
 * does.
 */
export function AskTwice({ verb, of, what = '', isShort = false, className, isDisabled = false, testId, act }: Props) {
  const [isAsked, setAsked] = useState(false);
  const label = isAsked ? `Do not ${verb.toLowerCase()}` : `${verb}${isShort ? '' : what}…`;
  const confirm = verb === 'End' ? 'End without saving' : `${verb} for good${isShort ? what : ''}`;
  return (
    <>
      <button
        type="button"
        className={className}
        disabled={isDisabled}
        aria-label={`${label} ${of}`}
        data-testid={testId}
        onClick={() => setAsked(!isAsked)}
      >
        {label}
      </button>
      {isAsked && (
        <button
          type="button"
          className={className}
          disabled={isDisabled}
          aria-label={`${confirm} ${of}`}
          data-testid={testId === undefined ? undefined : `${testId}-for-good`}
          onClick={() => {
            setAsked(false);
            act();
          }}
        >
          {confirm}
        </button>
      )}
    </>
  );
}
