/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const plansPostgres: readonly string[] = [
  `CREATE TABLE "plans" (
    "tenant" text COLLATE "C" NOT NULL,
    "name" text COLLATE "C" NOT NULL,
    "plan" text COLLATE "C" NOT NULL,
    "updated_at" bigint NOT NULL,
    "version" bigint NOT NULL,
    PRIMARY KEY ("tenant", "name")
  )`,
  `CREATE TABLE "plan_holders" (
    "tenant" text COLLATE "C" NOT NULL,
    "kind" text COLLATE "C" NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "plan" text COLLATE "C",
    "raised" text COLLATE "C" NOT NULL,
    "updated_at" bigint NOT NULL,
    "version" bigint NOT NULL,
    PRIMARY KEY ("tenant", "kind", "id")
  )`,
];
