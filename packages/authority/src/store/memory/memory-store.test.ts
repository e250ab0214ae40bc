import { describeStore } from '../conformance.ts';
import { openMemoryStore } from './memory-store.ts';

describeStore('memory', async () => [openMemoryStore()], { randomActs: 1_000, seed: 1 });
