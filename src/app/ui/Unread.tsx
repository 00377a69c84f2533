import { whole } from './format.ts';
import { AskTwice } from './AskTwice.tsx';

interface Props {
  /** How many things are stored that this version of the page cannot read. */
  count: number;
  /** The word for one of them, and for several. */
  name: readonly [string, string];
  isDisabled?: boolean;
  remove: () => void;
}

/** Says that there are things that cannot be read, and offers to remove them. */
export function Unread({ count, name: [one, several], isDisabled = false, remove }: Props) {
  if (count === 0) return null;
  return (
    <div className="buttons spaced" data-testid="unread">
      <p className="about">
        {count === 1
          ? `1 ${one} cannot be read: it is damaged, or from another version of this page. It stays stored.`
          : `${whole(count)} ${several} cannot be read: they are damaged, or from another version of this page. They stay stored.`}{' '}
        Reload the page, in case it is out of date.
      </p>
      <AskTwice verb="Remove" of={`unreadable ${several}`} isDisabled={isDisabled} act={remove} />
    </div>
  );
}
