/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const detailsPostgres: readonly string[] = [
  `CREATE TABLE "detail_types" (
    "tenant" text COLLATE "C" NOT NULL,
    "type" text COLLATE "C" NOT NULL,
    "definition" text COLLATE "C" NOT NULL,
    "updated_at" bigint NOT NULL,
    "version" bigint NOT NULL,
    PRIMARY KEY ("tenant", "type")
  )`,
];
