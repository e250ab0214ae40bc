/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const issuersPostgres: readonly string[] = [
  `CREATE TABLE "assertion_issuers" (
    "tenant" text COLLATE "C" NOT NULL,
    "name" text COLLATE "C" NOT NULL,
    "issuer" text COLLATE "C" NOT NULL,
    "definition" text COLLATE "C" NOT NULL,
    "updated_at" bigint NOT NULL,
    "version" bigint NOT NULL,
    PRIMARY KEY ("tenant", "name"),
    UNIQUE ("tenant", "issuer")
  )`,
];
