interface Props<Value extends string | number> {
  label: string;
  options: readonly { value: Value; label: string }[];
  value: Value;
  testId: string;
  onChange: (value: Value) => void;
}

/** A labelled menu. */
export function Choice<Value extends string | number>({ label, options, value, testId, onChange }: Props<Value>) {
  const choose = (chosen: string): void => {
    const option = options.find((one) => String(one.value) === chosen);
    if (option !== undefined) onChange(option.value);
  };
  return (
    <label className="choice">
      {label}
      <select data-testid={testId} value={value} onChange={({ target }) => choose(target.value)}>
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </select>
    </label>
  );
}
