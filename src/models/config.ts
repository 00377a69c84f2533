import { GorpError } from '../base/errors.ts';

/** Reads fields of a Hugging Face config.json, and refuses what is missing or not understood by name. */
export class ConfigReader {
  constructor(
    private readonly fields: Record<string, unknown>,
    private readonly family: string,
  ) {}

  /** @throws GorpError `model/bad-config` */
  static from(config: unknown, family: string): ConfigReader {
    if (typeof config !== 'object' || config === null || Array.isArray(config)) {
      throw new GorpError(
        'model/bad-config',
        'config.json is not a JSON object.',
        'Choose a Hugging Face model folder.',
      );
    }
    return new ConfigReader(config as Record<string, unknown>, family);
  }

  /** A positive integer. */
  size(name: string, fallback?: number): number {
    const value = this.fields[name] ?? fallback;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 1) throw this.#refuse(name, value);
    return value;
  }

  /** Any finite number, such as an id or an epsilon. */
  number(name: string, fallback?: number): number {
    const value = this.fields[name] ?? fallback;
    if (typeof value !== 'number' || !Number.isFinite(value)) throw this.#refuse(name, value);
    return value;
  }

  flag(name: string, fallback: boolean): boolean {
    const value = this.fields[name] ?? fallback;
    if (typeof value !== 'boolean') throw this.#refuse(name, value);
    return value;
  }

  /** One of the values that are implemented. */
  choice<T extends string>(name: string, allowed: readonly T[], fallback?: T): T {
    const value = this.fields[name] ?? fallback;
    const found = allowed.find((option) => option === value);
    if (found === undefined) throw this.#refuse(name, value, `one of ${allowed.join(', ')}`);
    return found;
  }

  #refuse(name: string, value: unknown, wanted = 'a sensible value'): GorpError {
    return new GorpError(
      'model/bad-config',
      `config.json of this ${this.family} model has ${name} = ${JSON.stringify(value)}; ${wanted} is needed.`,
      'Choose another model, or correct its config.json if it was edited.',
    );
  }
}
