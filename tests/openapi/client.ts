// A client of all four services. It is compiled, not run.
import createClient from "openapi-fetch";
import type { paths as Inventory } from "./inventory-service";
import type { paths as Orchestrator } from "./orchestrator";
import type { components, operations, paths as Orders } from "./order-service";
import type { paths as Payments } from "./payment-service";

const orders = createClient<Orders>({ baseUrl: "http://localhost:8080" });
const inventory = createClient<Inventory>({ baseUrl: "http://localhost:8081" });
const payments = createClient<Payments>({ baseUrl: "http://localhost:8082" });
const orchestrator = createClient<Orchestrator>({ baseUrl: "http://localhost:8083" });

type Placed = operations["place"]["responses"][201]["content"]["application/json"];
type Problem = components["schemas"]["Problem"];

export async function place(customerId: string): Promise<Placed> {
  const items = [{ id: "3852cb18-9c19-4326-ac77-a1a0264bd98c", name: "day-one", amount: 200.0, quantity: 1 }];
  const { data, error } = await orders.POST("/orders", { body: { customerId, amount: 10.5, items } });
  if (error) {
    const problem: Problem = error;
    throw new Error(`${problem.status} ${problem.title}: ${problem.detail ?? ""}`);
  }
  return data;
}

export async function follow(id: string) {
  const order = await orders.GET("/orders/{id}", { params: { path: { id } } });
  const payment = await payments.GET("/payments/{id}", { params: { path: { id } } });
  const reservation = await inventory.GET("/reservations/{order}", { params: { path: { order: id } } });
  const saga = await orchestrator.GET("/api/sagas/{id}", { params: { path: { id } } });
  return [order.data?.status, payment.data?.status, reservation.data?.status, saga.response.status];
}
