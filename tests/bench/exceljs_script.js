// The ordinary script once more, as people write it for Node with ExcelJS: load both workbooks, compute, fill, save.
//
//     node tests/bench/exceljs_script.js FORM OUT FILE…      (bench_fill.py calls it; prints milliseconds per file)
'use strict'

const path = require('path')
const ExcelJS = require('exceljs')

const NUMBER = /\d+(?:\.\d+)?/

function first(value) {
  const text = value && typeof value === 'object' && 'richText' in value ? value.richText.map((r) => r.text).join('') : value
  const found = NUMBER.exec(String(text ?? ''))
  return found ? Number(found[0]) : 0
}

async function job(form, file, target) {
  const source = new ExcelJS.Workbook()
  await source.xlsx.readFile(file)
  const book = new ExcelJS.Workbook()
  await book.xlsx.readFile(form)
  const from = source.worksheets[0]
  const sheet = book.worksheets[0]
  let total = 0
  for (let number = 13; number <= from.rowCount; number++) {
    const row = from.getRow(number)
    const made = sheet.getRow(27 + number)
    for (let column = 1; column <= 12; column++) {
      const cell = made.getCell(column)
      const pattern = sheet.getRow(12).getCell(column)
      const value = row.getCell(column).value
      cell.value = value && typeof value === 'object' && 'formula' in value ? value.result : value
      cell.font = { name: '宋体', size: 10 }
      cell.border = pattern.border
      cell.alignment = { wrapText: true, vertical: 'middle' }
    }
    const [wanted, actual] = [first(row.getCell(7).value), first(row.getCell(8).value)]
    if (wanted && actual) {
      const score = Math.round(Math.min(1, actual / wanted) * (40 / 6) * 100) / 100
      made.getCell(9).value = score
      total += score
    }
  }
  sheet.getRow(28 + from.rowCount).getCell(9).value = total
  await book.xlsx.writeFile(target)
}

async function main([form, out, ...files]) {
  const costs = []
  await job(form, files[0], path.join(out, 'warm_exceljs.xlsx'))
  for (const file of files) {
    const begin = process.hrtime.bigint()
    await job(form, file, path.join(out, `exceljs_${path.basename(file)}`))
    costs.push(Number(process.hrtime.bigint() - begin) / 1e6)
  }
  costs.sort((a, b) => a - b)
  console.log(costs[Math.floor(costs.length / 2)].toFixed(2))
}

main(process.argv.slice(2))
