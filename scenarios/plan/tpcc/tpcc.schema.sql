create table warehouse (
  warehouse_id int not null,
  title varchar(10),
  tax decimal(4, 4),
  paid decimal(12, 2),
  primary key (warehouse_id)
);
create table district (
  warehouse_id int not null,
  district_id int not null,
  tax decimal(4, 4),
  paid decimal(12, 2),
  next_order_id int not null,
  primary key (warehouse_id, district_id)
);
create table customer (
  warehouse_id int not null,
  district_id int not null,
  customer_id int not null,
  first_name varbinary(16),
  last_name varbinary(16),
  discount decimal(4, 4),
  balance decimal(12, 2),
  payments int,
  primary key (warehouse_id, district_id, customer_id)
);
create table orders (
  warehouse_id int not null,
  district_id int not null,
  order_id int not null,
  customer_id int not null,
  entered_at datetime,
  carrier_id int,
  line_count int,
  primary key (warehouse_id, district_id, order_id)
);
create table new_order (
  warehouse_id int not null,
  district_id int not null,
  order_id int not null,
  primary key (warehouse_id, district_id, order_id)
);
create table order_line (
  warehouse_id int not null,
  district_id int not null,
  order_id int not null,
  line_number int not null,
  item_id int not null,
  supplier_id int not null,
  quantity int,
  amount decimal(6, 2),
  delivered_at datetime,
  primary key (warehouse_id, district_id, order_id, line_number)
);
create table stock (
  warehouse_id int not null,
  item_id int not null,
  quantity int,
  sold int,
  primary key (warehouse_id, item_id)
);
create table item (
  item_id int not null,
  title varbinary(24),
  price decimal(5, 2),
  primary key (item_id)
);
