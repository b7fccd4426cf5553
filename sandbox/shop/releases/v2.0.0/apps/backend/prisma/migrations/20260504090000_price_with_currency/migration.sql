-- Not backward compatible: every earlier release reads "priceCents".
ALTER TABLE "Product" RENAME COLUMN "priceCents" TO "price";
ALTER TABLE "Product" ADD COLUMN "currency" TEXT NOT NULL DEFAULT 'USD';
