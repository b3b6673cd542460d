-- One expression a line, for tests/mariadb_eval.rs.

-- Left out because MySQL differs from MariaDB: rounding to fewer digits of a second (MySQL
-- rounds, MariaDB cuts), a row where one value belongs (1241 in MySQL, 4078 in MariaDB).

-- Numbers and their types.
1
-1
1.50
1e10
1e15
1e14
1e16
1.5e-7
123456789012345678
18446744073709551615
18446744073709551616
-9223372036854775808
0.1 + 0.2
1e0 / 3
1 / 3
2 / 3
10 / 4
10.00 / 4
1.1 * 1.1
1.10 * 2.200
7 div 2
-7 div 2
7.9 div 2
7 % 3
-7 % 3
7 % -3
7.5 % 2
7 mod 4
'7' + 1
'7.5' + 1
'abc' + 1
'1e2' + 0
'-3x' * 2
' 12 ' + 0
1 + null
9223372036854775807 + 1
9223372036854775807 - -1
9223372036854775807 * 2
18446744073709551615 + 1
cast(1 as unsigned) - 2
cast(3 as unsigned) - 2
-(-9223372036854775807)
- -1
1 / 0
1 div 0
1 % 0
1e308 * 10
99999999999999999999 + 1
1.0 + 1
100 / 3.0
1000000 / 7
5 / 2.50
22 / 7.000
0.00001 / 3

-- Bits.
5 & 3
5 | 3
5 ^ 3
~0
~5
1 << 3
1 << 64
8 >> 1
-1 >> 1
'5' & 3
null & 1
2.5 | 0
bit_count(255)

-- Precedence.
1 + 2 * 3
(1 + 2) * 3
2 * 3 ^ 1
1 | 2 & 3
1 << 1 + 1
-2 ^ 2
!0 + 1
not 1 + 1
1 = 1 = 1
1 or 0 and 0
(1 or 0) and 0
1 xor 1 or 1
not 0 and 0
1 in (1) = 1
5 between 1 and 3 + 3
2 = 1 + 1
1 < 2 < 3
3 > 2 > 1
not 1 is null
1 is null = 0
1 && 0
1 & 1 = 1
4 div 3 * 3
-5 % 3 * 2
1 - 1 - 1
100 / 10 / 10

-- Logic.
1 and null
0 and null
1 or null
0 or null
null xor 1
not null
null is null
1 is not null
null is true
null is not true
0 is false
2 is true
'0' is true
'a' is true
1 and 'a'
0.4 and 1
if(0.4, 'y', 'n')
if('0.4', 'y', 'n')

-- Comparison.
1 = 1
1 = '1'
1 = '1abc'
'a' = 'b'
'a' < 'b'
'10' < '9'
10 < '9'
1 = 1.0
1.10 = '1.1'
null = null
null <=> null
1 <=> null
1 <=> 1
-1 < cast(1 as unsigned)
18446744073709551615 > -1
18446744073709551615 = -1
0.1 = 1e-1
'abc' = 0
1 <> 2
1 != null
greatest(1, 2, 3)
greatest(1, 2.5)
greatest('a', 'b')
greatest(1, null)
least(3, 1, 2)
least('b', 'a')
least(1.5, 1)
1 in (1, 2)
3 in (1, 2)
3 in (1, null)
null in (1)
1 not in (2, null)
1 not in (2, 3)
'a' in ('b', 'a')
(1, 2) = (1, 2)
(1, 2) = (1, 3)
(1, null) = (1, 2)
(1, null) = (2, 2)
(1, 2) < (1, 3)
(2, 1) < (1, 3)
(1, 2) in ((1, 2), (3, 4))
(1, 5) in ((1, 2), (3, 4))
(1, null) in ((1, 2))
(1, 2) <=> (1, null)
2 between 1 and 3
2 not between 1 and 3
null between 1 and 2
2 between null and 1
0 between 1 and null
'b' between 'a' and 'c'

-- LIKE.
'abc' like 'a%'
'abc' like 'A%'
'abc' like '_b_'
'abc' like '%d'
'a%c' like 'a\%c'
'abc' like 'a\%c'
'a_c' like 'a|_c' escape '|'
'abc' like 'a|_c' escape '|'
'abc' not like 'b%'
null like 'a'
'a' like null
'' like ''
'' like '%'
'abc' like 'abc%%'
12 like '1%'
'aXbXc' like 'a%X%c'

-- CASE and friends.
case 1 when 1 then 'a' else 'b' end
case when 0 then 'a' end
case when null then 1 else 2 end
case null when null then 1 else 2 end
case 'a' when 'b' then 1 when 'a' then 2 end
case when 0 then 1 else 'x' end
case when 1 then 1 else 'x' end
if(1, 2, 3)
if(null, 2, 3)
if(1, 1.5, 2)
ifnull(null, 5)
ifnull(1, 5)
ifnull(1, 5.25)
nullif(1, 1)
nullif(1, 2)
nullif('a', 'A')
coalesce(null, null, 3)
coalesce(null)
coalesce(1, 'a')
isnull(null)
isnull(1)

-- Texts.
concat('a', 'b', 'c')
concat('a', 1, 2.50)
concat('a', null)
concat_ws(',', 'a', null, 'b')
concat_ws(null, 'a')
length('abc')
length('é')
char_length('é')
length(123)
length(1.50)
bit_length('ab')
upper('abc')
lower('ABC')
upper('é')
substr('abcdef', 2)
substr('abcdef', 2, 3)
substr('abcdef', -3)
substr('abcdef', -3, 2)
substr('abcdef', 0)
substr('abcdef', 10)
substr('abcdef', 2, -1)
substring('abcdef' from 2 for 2)
mid('abcdef', 2, 2)
left('abc', 2)
left('abc', 0)
left('abc', -1)
left('abc', 10)
right('abc', 2)
right('abc', 10)
trim('  a  ')
ltrim('  a')
rtrim('a  ')
trim(both 'x' from 'xxaxx')
trim(leading 'x' from 'xxaxx')
trim(trailing 'x' from 'xxaxx')
trim('x' from 'xax')
replace('abcabc', 'b', 'x')
replace('abc', '', 'x')
replace('abc', 'B', 'x')
repeat('ab', 3)
repeat('ab', 0)
repeat('ab', -1)
reverse('abc')
reverse('aé')
concat('[', space(3), ']')
lpad('a', 3, 'xy')
lpad('abcd', 2, 'x')
rpad('a', 4, 'xy')
lpad('a', -1, 'x')
locate('b', 'abc')
locate('b', 'abcb', 3)
locate('', 'abc')
locate('z', 'abc')
position('c' in 'abc')
instr('abc', 'c')
substring_index('a.b.c', '.', 2)
substring_index('a.b.c', '.', -1)
substring_index('a.b.c', '.', 10)
substring_index('a.b.c', '.', 0)
strcmp('a', 'b')
strcmp('b', 'a')
strcmp('a', 'a')
hex(255)
hex('abc')
hex(-1)
hex(1.5)
hex(unhex('4D7953514C'))
unhex('zz')
ascii('a')
ascii('')
ord('é')
hex(char(65, 66))
field('b', 'a', 'b')
field('z', 'a', 'b')
field(null, 'a')
elt(2, 'a', 'b')
elt(3, 'a', 'b')
find_in_set('b', 'a,b,c')
find_in_set('z', 'a,b,c')
quote('a\'b')
'a' 'b'
"a""b"
'it''s'
'tab\there'
x'4142' = 'AB'
0x4142 = 'AB'
0x41 + 0
0x41 = 65
-0x41
0x41 | 1
b'01000001' + 0
hex(0xABC)
_binary 'a' = 'a'
_utf8mb4 'a' = 'a'
'a' collate utf8mb4_general_ci = 'A'
'a' = 'A'
binary 'a' = 'A'
crc32('MySQL')

-- Mathematics.
abs(-5)
abs(-5.50)
abs('-5')
sign(-3)
sign(0)
sign(2.5)
ceil(1.2)
ceil(-1.2)
ceil('1.2')
floor(1.8)
floor(-1.2)
floor(1e0 * 1.8)
round(1.5)
round(2.5)
round(-1.5)
round(1.234, 2)
round(1.235, 2)
round(123.456, -1)
round(155, -1)
round(1.5e0)
round(2.5e0)
round(1e0 / 3, 3)
truncate(1.999, 1)
truncate(-1.999, 1)
truncate(199, -2)
mod(7, 3)
mod(-7, 3)
mod(7, 0)
sqrt(4)
sqrt(-1)
pow(2, 10)
pow(2, 0.5)
exp(0)
ln(1)
ln(0)
log2(8)
log10(1000)
pi() > 3

-- Casts.
cast('12' as signed)
cast('12abc' as signed)
cast('-5' as unsigned)
cast(-1 as unsigned)
cast(18446744073709551615 as signed)
cast(1.5 as signed)
cast(-1.5 as signed)
cast(1.5e0 as signed)
cast(2.5e0 as signed)
cast('1.9' as signed)
cast('abc' as signed)
cast(null as signed)
cast(12 as char)
cast(12 as char(1))
cast('abc' as char(2))
cast(1.5 as char)
cast('1.567' as decimal(10, 2))
cast(1.567 as decimal(10, 2))
cast(1234.5 as decimal(3, 1))
cast('abc' as decimal)
cast('5.5' as decimal)
cast(-1234.5 as decimal(3, 1))
cast(1e10 as decimal(20, 2))
cast('1.5' as double)
convert('12', signed)
convert('a' using utf8mb4)
hex(cast('a' as binary(3)))
cast('2026-01-31' as date)
cast('2026-01-31 10:20:30' as date)
cast('2026-1-3' as date)
cast(20260131 as date)
cast('2026-02-30' as date)
cast('2026-01-31 10:20:30' as datetime)
cast('2026-01-31' as datetime)
cast('10:20:30' as time)
cast('2026-01-31 10:20:30' as time)
cast(102030 as time)
cast('-1:2:3' as time)
cast('26-01-31' as date)
cast('99-01-31' as date)
cast(date '2026-01-31' as signed)
cast(timestamp '2026-01-31 10:20:30' as signed)
date '2026-01-31' + 0
timestamp '2026-01-31 10:20:30' + 0
time '10:20:30' + 0

-- Dates.
date '2026-01-31'
timestamp '2026-01-31 10:20:30'
time '10:20:30'
date '2026-01-31' = '2026-01-31'
date '2026-01-31' < '2026-02-01'
date '2026-01-31' = 20260131
date '2026-01-31' = timestamp '2026-01-31 00:00:00'
date '2026-01-31' + interval 1 day
date '2026-01-31' + interval 1 month
date '2024-02-29' + interval 1 year
date '2026-01-31' - interval 1 day
date '2026-01-31' + interval 1 hour
'2026-01-31' + interval 1 day
'2026-01-31' + interval 1 hour
'2026-01-31 10:00:00' + interval 90 minute
timestamp '2026-01-31 10:20:30' + interval '1:30' minute_second
timestamp '2026-01-31 10:20:30' + interval '1 2' day_hour
date_add('2026-01-31', interval 2 week)
date_sub('2026-03-31', interval 1 month)
adddate('2026-01-31', 3)
interval 1 day + date '2026-01-31'
'nope' + interval 1 day
null + interval 1 day
datediff('2026-01-31', '2026-01-01')
datediff('2026-01-01 23:59:59', '2026-01-02')
timestampdiff(day, '2026-01-01', '2026-02-01')
timestampdiff(month, '2026-01-31', '2026-02-28')
timestampdiff(year, '2024-02-29', '2026-02-28')
timestampdiff(hour, '2026-01-01', '2026-01-02 01:00:00')
timestampadd(day, 1, '2026-01-31')
year('2026-01-31')
month('2026-01-31')
day('2026-01-31')
quarter('2026-05-01')
hour('10:20:30')
minute('2026-01-31 10:20:30')
second('10:20:30')
microsecond('10:20:30.5')
dayofweek('2026-01-31')
weekday('2026-01-31')
dayofyear('2026-02-01')
last_day('2026-02-03')
to_days('2026-01-31')
extract(year from '2026-01-31')
extract(year_month from '2026-01-31')
extract(hour from '10:20:30')
extract(day_hour from '2026-01-31 10:20:30')
date('2026-01-31 10:20:30')
time('2026-01-31 10:20:30')
unix_timestamp('2026-01-01 00:00:00')
unix_timestamp('1970-01-01 00:00:01')
from_unixtime(1767225600)
makedate(2026, 32)
date_format('2026-01-31 10:20:30', '%Y-%m-%d %H:%i:%s')
date_format('2026-01-31 10:20:30', '%W %M %e %y %j %p %l %a %b')
now()
now(6)
curdate()
current_timestamp
current_date()
utc_timestamp()
curtime()
unix_timestamp()

-- Names that do not exist, wrong counts.
nosuchfunction(1)
abs()
ifnull(1)

-- The session.
last_insert_id()
last_insert_id(5)
@v
@v := 5
