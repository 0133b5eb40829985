/** Draws that are the same for the same seed, so that a failure can be repeated. */
export class Draws {
  #state: number;

  constructor(seed: number) {
    this.#state = seed % 2_147_483_647;
  }

  /** From 0 to 1. */
  fraction(): number {
    this.#state = (this.#state * 48_271 + 11) % 2_147_483_647;
    return this.#state / 2_147_483_647;
  }

  pick<T>(choices: readonly [T, ...T[]]): T {
    return choices[Math.floor(this.fraction() * choices.length)] ?? choices[0];
  }
}

/** How many cases came to what, by phase. */
export class Histogram {
  readonly #rows = new Map<string, Map<string, number>>();

  add(phase: string, outcome: string): void {
    const row = this.#rows.get(phase) ?? new Map<string, number>();
    row.set(outcome, (row.get(outcome) ?? 0) + 1);
    this.#rows.set(phase, row);
  }

  /** Of one phase; of all unless one is named. */
  count(phase?: string): number {
    return [...this.#rows]
      .filter(([name]) => phase === undefined || name === phase)
      .flatMap(([, row]) => [...row.values()])
      .reduce((sum, count) => sum + count, 0);
  }

  text(title: string): string {
    const line = ([phase, row]: [string, Map<string, number>]): string => {
      const outcomes = [...row].sort().map(([outcome, count]) => `${outcome}: ${String(count)}`);
      return `  ${phase.padEnd(20)}${outcomes.join(', ')}`;
    };
    return [title, ...[...this.#rows].sort().map(line)].join('\n');
  }
}
