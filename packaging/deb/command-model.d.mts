export interface OptionModel {
  readonly long: string;
  readonly short: string | null;
  readonly description: string;
  /** The placeholder of its value; null for a flag. */
  readonly value: string | null;
  readonly choices: readonly string[] | null;
  /** Whether the command cannot do without it. */
  readonly required: boolean;
}

export interface CommandModel {
  readonly name: string;
  readonly options: readonly OptionModel[];
  readonly commands: readonly {
    readonly name: string;
    readonly description: string;
    readonly options: readonly OptionModel[];
    readonly arguments: readonly { readonly name: string; readonly variadic: boolean }[];
  }[];
}

export function commandModel(name: string): Promise<CommandModel>;

/** The commander program itself. It is not run. */
export function programOf(name: string): Promise<import('commander').Command>;
