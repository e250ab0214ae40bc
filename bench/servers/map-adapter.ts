/** Where oidc-provider keeps things: its own store forgets beyond 1,000 entries, a map does not. */
import type { Adapter, AdapterPayload } from 'oidc-provider';

const rows = new Map<string, AdapterPayload>();

export class MapAdapter implements Adapter {
  readonly #name: string;
  constructor(name: string) {
    this.#name = name;
  }
  async upsert(id: string, payload: AdapterPayload): Promise<void> {
    rows.set(`${this.#name}:${id}`, payload);
  }
  async find(id: string): Promise<AdapterPayload | undefined> {
    return rows.get(`${this.#name}:${id}`);
  }
  async findByUserCode(): Promise<undefined> {}
  async findByUid(): Promise<undefined> {}
  async consume(id: string): Promise<void> {
    const row = rows.get(`${this.#name}:${id}`);
    if (row !== undefined) row['consumed'] = Math.floor(Date.now() / 1000);
  }
  async destroy(id: string): Promise<void> {
    rows.delete(`${this.#name}:${id}`);
  }
  async revokeByGrantId(): Promise<void> {}
}
