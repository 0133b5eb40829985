import type { Choices } from './random-values.ts';

/** One type with all that its test needs: how its values are spelled, and what of them there is. */
export interface TypeCase {
  /** The type as SQL has it, typmod included. */
  readonly sql: string;
  /** Run in the test's schema before the type is used. */
  readonly setUp?: string;
  /** Settings of the session that copies. */
  readonly settings?: { readonly dateStyle?: string; readonly timeZone?: string };
  /** Spellings that the encoder is to accept. */
  readonly canonical: (choices: Choices) => string;
  /** Spellings that only the server knows; missing where the type has none. */
  readonly unusual?: (choices: Choices) => string;
  /** Beside the mutations: what surely is wrong. */
  readonly wrong?: (choices: Choices) => string;
  /** Single values that must be among those tried. */
  readonly values?: readonly string[];
  /** Why there are none of a kind. Without it the full number is reached. */
  readonly none?: { readonly asked?: string; readonly refused?: string };
}
