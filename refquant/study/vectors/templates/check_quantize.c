/* Checks functions against refquant's vectors, in every dtype, or says what it skips:

       cc -std=c99 -O2 check_quantize.c -o check_quantize -lm && ./check_quantize *.json

   Put yours in the place of those up to "end of yours". Reals come as doubles, which hold float16, float32 exactly;
   g.dtype, g.scale_dtype, g.arithmetic, g.x_hat_dtype are 16, 32 or 64. NAN says: the input is refused. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REFUSES 1 /* 0: yours refuse nothing, so that tests of this are skipped */

struct group {
    double qmin, qmax;
    int bits, exponent, mantissa, dtype, scale_dtype, arithmetic, x_hat_dtype; /* exponent 0: not a float grid */
    char type[32], fit[32], name[16], shared; /* name: of float grids and codebooks; shared: 'a'll, 'r'ow, 'g'iven */
    double second; /* of two_level, if given */
};

static double rounded(double x, int dtype) { /* to the nearest float of this dtype, ties to even */
    int e;
    if (dtype != 16 || x == 0 || !isfinite(x)) return dtype == 32 ? (double)(float)x : x;
    if (fabs(x) >= 65520) return copysign(INFINITY, x);
    frexp(x, &e);
    e = (e > -13 ? e : -13) - 11; /* the place of the last of 11 bits */
    return copysign(ldexp(nearbyint(ldexp(x, -e)), e), x);
}

static double smallest(int dtype) { return ldexp(1, dtype == 32 ? -126 : -1022); } /* normal number */

static int inside(double q, struct group g) { return q >= g.qmin && q <= g.qmax; }

static int is_scale(double scale) { return scale > 0 && scale < INFINITY; }

static double unclipped(double x, double scale, double zero_point, struct group g) {
    double s = rounded(scale, g.arithmetic);
    if (isnan(x) || !is_scale(s) || !inside(zero_point, g)) return NAN;
    return nearbyint(rounded(x / s, g.arithmetic)) + zero_point;
}

static double quantize(double x, double scale, double zero_point, struct group g) {
    double q = unclipped(x, scale, zero_point, g);
    return isnan(q) ? NAN : fmin(fmax(q, g.qmin), g.qmax);
}

static double dequantize(double q, double scale, double zero_point, struct group g) {
    if (!inside(q, g) || !is_scale(scale) || !inside(zero_point, g)) return NAN;
    return rounded(rounded((q - zero_point) * rounded(scale, g.arithmetic), g.arithmetic), g.x_hat_dtype);
}

static double gradient(double x, double scale, double zero_point, struct group g) {
    return inside(unclipped(x, scale, zero_point, g), g);
}

static int is_range(double lo, double hi) { return isfinite(lo) && isfinite(hi) && lo <= hi; }

static double affine_scale(double lo, double hi, struct group g) {
    double half = rounded(rounded(hi / 2, g.scale_dtype) - rounded(lo / 2, g.scale_dtype), g.scale_dtype);
    double scale = rounded(half / ((g.qmax - g.qmin) / 2), g.scale_dtype);
    return lo == 0 && hi == 0 ? 1 : fmax(scale, smallest(g.scale_dtype));
}

static void affine_params(double lo, double hi, struct group g, double *scale, double *zero_point) {
    *scale = *zero_point = NAN;
    if (!is_range(lo, hi)) return;
    lo = fmin(rounded(lo, g.scale_dtype), 0);
    hi = fmax(rounded(hi, g.scale_dtype), 0);
    *scale = affine_scale(lo, hi, g);
    *zero_point = g.qmin + nearbyint(fmin(fmax(rounded(-lo / *scale, g.scale_dtype), 0), g.qmax - g.qmin));
}

static void symmetric_params(double lo, double hi, struct group g, double *scale, double *zero_point) {
    double largest = fmax(fabs(lo), fabs(hi)), zero = g.qmin < 0 ? 0 : floor((g.qmin + g.qmax + 1) / 2);
    double reach = fmin(g.qmax - zero, zero - g.qmin);
    *scale = *zero_point = NAN;
    if (!is_range(lo, hi)) return;
    *scale = largest == 0 ? 1 : fmax(rounded(largest / reach, g.scale_dtype), smallest(g.scale_dtype));
    *zero_point = zero;
}

static void quantize_multiplier(double m, double *mantissa, double *shift) {
    int e = 0;
    double whole = nearbyint(ldexp(frexp(m, &e), 31));
    *mantissa = *shift = NAN;
    if (whole == ldexp(1, 31)) whole /= 2, e++;
    if (!(m > 0 && m < INFINITY) || e > 30) return;
    *mantissa = whole;
    *shift = e;
}

static double requantize(double acc, double mantissa, double shift, double zero_point, struct group g) {
    int n = shift < -32 ? 63 : 31 - (int)shift; /* from 63 on every product rounds to 0 */
    if (fabs(acc + 0.5) > ldexp(1, 31) || !(mantissa >= ldexp(1, 30) && mantissa < ldexp(1, 31)) || shift > 30
        || !inside(zero_point, g)) return NAN;
    int64_t product = (int64_t)fabs(acc) * (int64_t)mantissa, half = (int64_t)1 << (n - 1);
    int64_t whole = n > 62 ? 0 : product >> n, rest = n > 62 ? product : product - whole * half * 2;
    if (rest > half || (rest == half && whole % 2)) whole++;
    return fmin(fmax((double)(acc < 0 ? -whole : whole) + zero_point, g.qmin), g.qmax);
}

static double mx_params(double lo, double hi, struct group g) {
    int e, e_top, more, mantissa = g.exponent ? g.mantissa : g.bits - 2;
    double largest = fmax(fabs(lo), fabs(hi)), fraction = frexp(largest, &e), top = frexp(g.qmax, &e_top);
    if (!is_range(lo, hi)) return NAN;
    if (largest == 0) return 1;
    if (!strcmp(g.fit, "mx_ceil_params")) more = fraction > 0.5;
    else if (!strcmp(g.fit, "mx_rceil_params")) more = fraction > top;
    else if (!strcmp(g.fit, "mx_even_params")) more = fraction >= 1 - ldexp(1, -2 - mantissa);
    else more = 0;
    return ldexp(1, (int)fmin(fmax(e - e_top + more, -127), 127));
}

static double value(double q, struct group g) { /* of a code; NAN: it has none */
    static const double nf4[16] = {
        -0x1p+0, -0x1.647362p-1, -0x1.0cd66p-1, -0x1.94654p-2, -0x1.23449ap-2, -0x1.7a6a7ep-3, -0x1.74f0e2p-4,
        0x0p+0, 0x1.45f5fep-4, 0x1.4995c6p-3, 0x1.f809bap-3, 0x1.5a0674p-2, 0x1.c3497p-2, 0x1.200f56p-1,
        0x1.722766p-1, 0x1p+0};
    int sign = 1 << (g.bits - 1), fnuz = strstr(g.name, "FNUZ") != NULL, code = (int)q, e, m;
    double x;
    if (q < 0 || q >= 2 * sign || (fnuz && code == sign)) return NAN;
    if (!g.exponent) return !strcmp(g.name, "NF4") ? nf4[code] : code < 255 ? ldexp(1, code - 127) : NAN; /* E8M0 */
    e = (code & (sign - 1)) >> g.mantissa;
    m = (code & ((1 << g.mantissa) - 1)) + (e ? 1 << g.mantissa : 0);
    x = ldexp(m, (e ? e : 1) - (1 << (g.exponent - 1)) + 1 - fnuz - g.mantissa);
    return x > g.qmax ? NAN : code & sign ? -x : x; /* above qmax are infinity and NaN */
}

static double encode(double v, struct group g) { /* the code of the nearest value; ties as the README says */
    double below = -INFINITY, above = INFINITY, x, clipped = fmin(fmax(v, g.qmin), g.qmax), middle;
    int code, low = 0, high = 0;
    for (code = 0; code < 256; code++) {
        if ((x = value(code, g)) <= clipped && x > below) below = x, low = code;
        if (x >= clipped && x < above) above = x, high = code;
    }
    middle = below == above ? clipped : (below + above) / 2; /* exact: values have few bits */
    code = clipped < middle ? low : clipped > middle ? high : g.exponent && low % 2 ? high : low;
    return value(code, g) == 0 && signbit(v) && !isnan(value(1 << (g.bits - 1), g)) && g.exponent
        ? code + (1 << (g.bits - 1)) : code;
}

static double quantize_values(double x, double scale, struct group g) {
    double s = rounded(scale, g.arithmetic);
    return isnan(x) || !is_scale(s) ? NAN : encode(rounded(x / s, g.arithmetic), g);
}

static double dequantize_values(double q, double scale, int dtype, struct group g) {
    double x = isnan(q) ? NAN : rounded(scale * value(q, g), dtype == 16 ? 32 : dtype);
    return is_scale(scale) ? rounded(x, dtype) : NAN;
}

static void two_level(const double *largest, int rows, int columns, struct group g, struct group scales, double *got)
{
    double least = INFINITY, second, most, v, top = g.qmax;
    int i, j, d = g.scale_dtype;
    for (i = 0; i < 256; i++) if ((v = value(i, scales)) > 0 && v < least) least = v;
    for (i = 0; i < rows * columns; i++) {
        int from = g.shared == 'r' ? i - i % columns : 0, to = g.shared == 'r' ? from + columns : rows * columns;
        for (most = 0, j = from; j < to; j++) most = fmax(most, rounded(largest[j], d));
        second = most == 0 ? 1 : rounded(rounded(most / top, d) / scales.qmax, d);
        if (g.shared == 'g') second = g.second;
        v = encode(rounded(rounded(rounded(largest[i], d) / top, d) / second, d), scales);
        got[i] = fmax(rounded(value(v, scales) * second, d), fmax(rounded(least * second, d), smallest(d)));
    }
}

static void integer_matmul(const int *a, const int *b, int m, int k, int n, int64_t *acc) { /* row by row */
    int i, j, l;
    for (i = 0; i < m; i++)
        for (j = 0; j < n; j++)
            for (acc[i * n + j] = l = 0; l < k; l++) acc[i * n + j] += (int64_t)a[i * k + l] * b[l * n + j];
}

/* ------------------------------------------------------------------------------------------------ end of yours */

static double real(const char *digits) { /* 4, 8 or 16 hexadecimal digits: a float16, float32 or float64 */
    char *end;
    uint64_t bits = strtoull(digits, &end, 16);
    uint32_t narrow = (uint32_t)bits;
    int exponent = (int)(bits >> 10 & 31), mantissa = (int)(bits & 1023);
    double wide;
    float single;
    if (end - digits == 16) return memcpy(&wide, &bits, 8), wide;
    if (end - digits == 8) return memcpy(&single, &narrow, 4), single;
    if (exponent == 31) wide = mantissa ? NAN : INFINITY;
    else wide = exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24);
    return bits >> 15 ? -wide : wide;
}

static const char *after(const char *line, const char *name, const char *mark) { /* what follows "name<mark> */
    char key[40];
    const char *found = (sprintf(key, "\"%s%s", name, mark), strstr(line, key));
    return found ? found + strlen(key) : NULL;
}

static double get(const char *line, const char *name) { /* a number of a test; NAN: it has none of this name */
    const char *bits = after(line, name, "_bits\": \""), *number = after(line, name, "\": ");
    return bits ? real(bits) : number ? strtod(number, NULL) : NAN;
}

static int dtype(const char *line, const char *name) { /* 16, 32, 64; 0: the group has none of this name */
    const char *found = after(line, name, "\": \"float");
    return found ? atoi(found) : 0;
}

static int is(const char *line, const char *name, double got) { /* the expected one: NAN where there is none */
    double wanted = get(line, name);
    if ((isnan(got) && isnan(wanted)) || (got == wanted && !signbit(got) == !signbit(wanted))) return 1;
    printf("tcId %.0f: %s = %.17g instead of %.17g\n", get(line, "tcId"), name, got, wanted);
    return 0;
}

static int list(const char *line, const char *name, double *numbers, int *rows) { /* how many, row by row */
    const char *at = after(line, name, "_bits\": ");
    int count = 0, depth = 0;
    if (!at) at = after(line, name, "\": ");
    for (*rows = 0; *at; at++) {
        if (*at == '[') *rows += ++depth == 2;
        else if (*at == ']' && --depth == 0) break;
        else if (*at == '"') numbers[count++] = real(++at), at = strchr(at, '"');
        else if (*at == '-' || (*at >= '0' && *at <= '9')) {
            char *end;
            numbers[count++] = strtod(at, &end), at = end - 1;
        }
    }
    return count;
}

static int are(const char *line, const char *name, const double *got, int count) { /* the expected ones */
    double wanted[500];
    int rows, i = 0;
    if (list(line, name, wanted, &rows) == count) while (i < count && got[i] == wanted[i]) i++;
    if (i < count) printf("tcId %.0f: %s[%d] = %.17g\n", get(line, "tcId"), name, i, got[i]);
    return i == count;
}

static int check_scales(const char *t, struct group g, struct group scales) {
    double largest[500], got[500];
    int rows, count = list(t, "largest", largest, &rows);
    two_level(largest, rows, count / rows, g, scales, got);
    return are(t, "scales", got, count);
}

static int *matrix(const char *t, const char *name, int size) { /* a shorter list is repeated from its start */
    double numbers[500];
    int rows, i, count = list(t, name, numbers, &rows), *made = malloc((size_t)size * sizeof *made + 1);
    for (i = 0; made && i < size; i++) made[i] = (int)numbers[i % count];
    return made;
}

static int check_product(const char *t) { /* not of which dtype the sums are */
    int m = (int)get(t, "m"), k = (int)get(t, "k"), n = (int)get(t, "n"), i;
    int *a = matrix(t, "a", m * k), *b = matrix(t, "b", k * n);
    int64_t acc[500] = {0};
    double got[500];
    if (a && b) integer_matmul(a, b, m, k, n, acc);
    for (i = 0; i < m * n; i++) got[i] = (double)acc[i];
    return free(a), free(b), are(t, "acc", got, m * n);
}

static int check(const char *t, struct group g, struct group scales) { /* 1: right, 0: wrong, -1: no function */
    double x = get(t, "x"), scale = get(t, "scale"), zero_point = get(t, "zero_point"), q, a, b;
    if (!strcmp(g.type, "quantize")) return is(t, "q", quantize(x, scale, zero_point, g));
    if (!strcmp(g.type, "dequantize")) return is(t, "x_hat", dequantize(get(t, "q"), scale, zero_point, g));
    if (!strcmp(g.type, "requantize"))
        return is(t, "q", requantize(get(t, "acc"), get(t, "mantissa"), get(t, "shift"), zero_point, g));
    if (!strcmp(g.type, "quantize_multiplier"))
        return quantize_multiplier(get(t, "m"), &a, &b), is(t, "mantissa", a) && is(t, "shift", b);
    if (!strcmp(g.type, "affine_params") || !strcmp(g.type, "symmetric_params")) {
        (g.type[0] == 'a' ? affine_params : symmetric_params)(get(t, "lo"), get(t, "hi"), g, &a, &b);
        return is(t, "scale", a) && is(t, "zero_point", b);
    }
    if (!strcmp(g.type, "mx_params")) return is(t, "scale", mx_params(get(t, "lo"), get(t, "hi"), g));
    if (!strcmp(g.type, "dequantize_values"))
        return is(t, "x_hat", dequantize_values(get(t, "q"), scale, g.scale_dtype, g));
    if (!strcmp(g.type, "quantize_values"))
        return q = quantize_values(x, scale, g),
            is(t, "q", q) && is(t, "x_hat", dequantize_values(q, scale, g.dtype, g));
    if (!strcmp(g.type, "two_level")) return check_scales(t, g, scales);
    if (!strcmp(g.type, "integer_matmul")) return check_product(t);
    if (strcmp(g.type, "fake_quantize")) return -1;
    q = quantize(x, scale, zero_point, g);
    return is(t, "q", q) && is(t, "x_hat", dequantize(q, scale, zero_point, g))
        && (isnan(q) || is(t, "gradient", gradient(x, scale, zero_point, g)));
}

static struct group head(const char *line) { /* of a group; what it does not have is 0 */
    struct group g = {0};
    const char *fit = after(line, "fit", "\": \""), *name = after(line, "name", "\": \"");
    const char *fields = after(line, "fields", "\": "), *shared = after(line, "shared", "\": \"");
    sscanf(line, "{\"type\": \"%31[a-z_]", g.type);
    if (fit) sscanf(fit, "%31[a-z_]", g.fit);
    if (name) sscanf(name, "%15[A-Z0-9]", g.name);
    if (fields) sscanf(fields, "[1, %d, %d]", &g.exponent, &g.mantissa);
    g.shared = shared ? *shared : 0, g.second = get(line, "second");
    g.bits = (int)get(line, "bits"), g.qmin = get(line, "qmin"), g.qmax = get(line, "qmax");
    g.dtype = dtype(line, "dtype"), g.scale_dtype = dtype(line, "scale_dtype");
    g.arithmetic = dtype(line, "arithmetic"), g.x_hat_dtype = dtype(line, "x_hat_dtype");
    return g;
}

static int check_file(const char *path, int *passed) { /* 0: none was wrong, 1: some were, 2: it was not read */
    FILE *file = fopen(path, "r");
    char line[1000];
    struct group g = {0}, scales = {0};
    int right = 0, wrong = 0, unknown = 0, refused = 0, all = 0, one;
    if (!file) return perror(path), 2;
    while (fgets(line, sizeof line, file)) {
        if (after(line, "numberOfTests", "\": ")) all = atoi(after(line, "numberOfTests", "\": "));
        if (!strncmp(line, "{\"type\": ", 9)) {
            const char *other = strstr(line, "\"scale_grid\"");
            g = head(line), scales = other ? head(other) : g;
        } else if (strncmp(line, "{\"tcId\": ", 9)) continue; /* no test */
        else if (!REFUSES && strstr(line, "\"result\": \"invalid\"")) refused++;
        else if ((one = check(line, g, scales)) < 0) unknown++;
        else one ? right++ : wrong++;
    }
    fclose(file);
    printf("%s: %d passed, %d wrong", path, right, wrong);
    if (refused) printf(", %d skipped: to be refused", refused);
    if (unknown) printf(", %d skipped: no function here for %s", unknown, g.type);
    one = all - right - wrong - refused - unknown;
    puts(all == 0 ? ", no test in it" : one ? ", others not read: leave each test on a line" : "");
    *passed += right;
    return one ? 2 : wrong > 0;
}

int main(int argc, char **argv) { /* the worst of the files; 2 also where no test passed */
    int status = 0, passed = 0, one, i;
    if (argc < 2) status = check_file("quantize.json", &passed);
    for (i = 1; i < argc; i++) if ((one = check_file(argv[i], &passed)) > status) status = one;
    return status || passed ? status : 2;
}
