"use client";
import type { ReactNode } from "react";
import { money, useApi, type Cart } from "@/lib/api";
import { useSession, type Session } from "@/lib/session";
import { LogInFirst } from "./LogInFirst";
import { Status } from "./Status";

/** The cart of whoever is logged in; `children` is what can be done with one that is not empty. */
export function CartTable({ children }: { children: (session: Session) => ReactNode }) {
  const session = useSession();
  const { data, error } = useApi<Cart>(session ? "/cart" : null, session?.token);
  if (session === null) return <LogInFirst />;
  if (!session || !data) return <Status error={error} />;
  if (data.items.length === 0) return <p>Your cart is empty.</p>;
  return (
    <>
      <table>
        <tbody>
          {data.items.map(({ product, quantity }) => (
            <tr key={product.id}>
              <td>{product.name}</td>
              <td>{quantity}</td>
              <td>{money(product.priceCents * quantity)}</td>
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th colSpan={2}>Total</th>
            <th>{money(data.totalCents)}</th>
          </tr>
        </tfoot>
      </table>
      {children(session)}
    </>
  );
}
