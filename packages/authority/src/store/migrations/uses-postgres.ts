/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const usesPostgres: readonly string[] = [
  `CREATE TABLE "single_uses" (
    "partition" bigint NOT NULL,
    "tenant" text COLLATE "C" NOT NULL,
    "kind" text COLLATE "C" NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    PRIMARY KEY ("partition", "tenant", "kind", "id")
  ) PARTITION BY LIST ("partition")`,
];
